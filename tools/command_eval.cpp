// SPDX-License-Identifier: Apache-2.0
// `gradus eval`: scores a finished run, or a checkpoint, on its test split.
#include <cstdio>
#include <memory>

#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "tools/commands.h"
#include "tools/json_line.h"
#include "tools/report_files.h"
#include "tools/report_json.h"
#include "training/trainer.h"

namespace gradus {
namespace {

struct EvalOptions {
  std::string run, report, weights, checkpoint;
  int64_t threads = 0;
  bool json = false;
};

void print_json(const EvalOptions& options, const Score& score) {
  nlohmann::ordered_json json = {
      {"run", options.run}, {"split", "test"}, {"samples", score.samples}};
  for (const auto& [name, value] : metrics_of(score)) json[std::string(name)] = value;
  if (!options.report.empty()) json["report"] = options.report;
  fmt::print("{}\n", json_line(json));
}

int run_eval(const EvalOptions& options) {
  GRADUS_CHECK(options.threads >= 0 && options.threads <= 1024,
               "[eval] --threads, expected 0 to 1024, got {}", options.threads);
  const bool detailed = !options.report.empty();
  const Report report =
      report_run(options.run, {.threads = static_cast<int>(options.threads),
                               .weights = {parse_checkpoint_choice(options.checkpoint),
                                           parse_weights_choice(options.weights)},
                               .detailed = detailed});
  if (detailed) write_report(report, "test", options.report);
  if (options.json) {
    print_json(options, report.score);
    return exit_success;
  }
  fmt::print("test: {} samples, {}\n", report.score.samples, metrics_text(report.score));
  if (detailed) fmt::print("{}report: {}\n", report_text(report), options.report);
  return exit_success;
}

}  // namespace

Command eval_command() {
  const auto options = std::make_shared<EvalOptions>();
  return {
      .name = "eval",
      .doc = "Score a finished run, or a checkpoint, on the test split of its data",
      .options = {{"RUN", "The run folder", &options->run, true},
                  {"--threads", "0: as the recipe says", &options->threads},
                  {"--checkpoint",
                   "A checkpoint: its optimizer step, or best; in place of the final weights",
                   &options->checkpoint},
                  {"--weights", "raw or average; without it averages where the run keeps them",
                   &options->weights},
                  {"--report", "A folder for a report: JSON, tables and plots of what goes wrong",
                   &options->report},
                  {"--json", "Print the score as one JSON object", &options->json}},
      .run = [options] { return run_eval(*options); }};
}

}  // namespace gradus
