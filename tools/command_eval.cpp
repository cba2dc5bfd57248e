// SPDX-License-Identifier: Apache-2.0
// `gradus eval`: scores a finished run on its test split.
#include <cstdio>
#include <memory>

#include <nlohmann/json.hpp>

#include "tools/commands.h"
#include "training/trainer.h"

namespace gradus {
namespace {

struct EvalOptions {
  std::string run;
  int64_t threads = 0;
  int64_t checkpoint = -1;
  bool json = false;
};

int run_eval(const EvalOptions& options) {
  const Score score =
      evaluate_run(options.run, static_cast<int>(options.threads), options.checkpoint);
  if (options.json) {
    nlohmann::ordered_json json = {
        {"run", options.run}, {"split", "test"}, {"samples", score.samples}};
    for (const auto& [name, value] : metrics_of(score)) json[std::string(name)] = value;
    std::printf("%s\n", json.dump().c_str());
  } else {
    std::printf("test: %lld samples, %s\n", static_cast<long long>(score.samples),
                metrics_text(score).c_str());
  }
  return exit_success;
}

}  // namespace

Command eval_command() {
  const auto options = std::make_shared<EvalOptions>();
  return {.name = "eval",
          .doc = "Score a finished run, or a checkpoint, on the test split of its data",
          .options = {{"RUN", "The run folder", &options->run, true},
                      {"--threads", "0: as the recipe says", &options->threads},
                      {"--checkpoint",
                       "The checkpoint after this optimizer step, in place of the final weights",
                       &options->checkpoint},
                      {"--json", "Print the score as one JSON object", &options->json}},
          .run = [options] { return run_eval(*options); }};
}

}  // namespace gradus
