// SPDX-License-Identifier: Apache-2.0
// `gradus profile`: where the time of a recipe's optimizer step goes.
#include <cstdio>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/io/atomic_file.h"
#include "tools/commands.h"
#include "tools/step_profile.h"
#include "tools/step_trace.h"
#include "tools/with_recipe.h"
#include "training/batch_choice.h"
#include "training/session.h"

namespace gradus {
namespace {

constexpr int64_t warm_up_steps = 3, traced_steps = 3, most_steps = 1'000'000'000;

struct ProfileOptions {
  std::string recipe;
  std::vector<std::string> settings;
  int64_t steps = 20;
  std::string by = "op";
  std::string trace;
  bool json = false;
};

class Both : public RunObserver {
 public:
  Both(RunObserver& first, RunObserver& second) : first_(first), second_(second) {}
  void run_begins() override {
    first_.run_begins();
    second_.run_begins();
  }
  void step_ended(size_t step) override {
    first_.step_ended(step);
    second_.step_ended(step);
  }

 private:
  RunObserver &first_, &second_;
};

void print_rows(const std::vector<ProfileRow>& rows, bool json) {
  if (json)
    fmt::print("{}\n", to_json(rows).dump());
  else
    fmt::print("{}", to_table(rows));
}

int run_profile(const ProfileOptions& options, const Recipe& given) {
  GRADUS_CHECK(options.steps > 0 && options.steps <= most_steps,
               "profile: --steps, expected 1 to {}, got {}", most_steps, options.steps);
  GRADUS_CHECK(options.by == "op" || options.by == "shape",
               "profile: --by, expected op or shape, got '{}'", options.by);
  use_threads(given);
  const int64_t steps = warm_up_steps + options.steps;
  const Recipe recipe = with_known_batch(given).with({fmt::format("steps={}", steps)});
  TrainingSession session(recipe);
  const int64_t last = session.micro_steps() - 1;
  const bool by_shape = options.by == "shape";
  StepProfile profile(session.program_of(last), by_shape);
  StepProfile parts(session.program_of(0), by_shape);
  StepTrace trace(session.program_of(last), traced_steps);
  Both both(profile, trace);
  for (int64_t step = 1; step <= steps; ++step) {
    const bool watched = step > warm_up_steps;
    for (int64_t part = 0; part < last; ++part) session.run(step, part, watched ? &parts : nullptr);
    session.run(step, last, watched ? &both : nullptr);
  }
  print_rows(last > 0 ? added_rows(parts.rows(), last, profile.rows()) : profile.rows(),
             options.json);
  if (options.trace.empty()) return exit_success;
  const std::string contents = trace.to_json();
  const std::string_view pieces[] = {contents};
  write_file_atomically(options.trace, pieces);
  std::fprintf(stderr, "trace of %lld steps: %s (open it in ui.perfetto.dev or chrome://tracing)\n",
               static_cast<long long>(std::min(traced_steps, options.steps)),
               options.trace.c_str());
  return exit_success;
}

}  // namespace

Command profile_command() {
  const auto options = std::make_shared<ProfileOptions>();
  return {
      .name = "profile",
      .doc = "Show where the time of a recipe's optimizer step goes",
      .options = {{"RECIPE", "A TOML file, see recipes/", &options->recipe, true},
                  {"SETTINGS", "key=value settings that replace the recipe's", &options->settings},
                  {"--steps", "How many steps to measure, after three to warm up", &options->steps},
                  {"--by", "Rows: one for each op, or for each op and shape", &options->by},
                  {"--trace",
                   "Write the first three steps (with accumulate, their last parts) to this file "
                   "for a trace viewer",
                   &options->trace},
                  {"--json", "Print one JSON array", &options->json}},
      .run = [options] {
        return with_recipe(options->recipe, options->settings,
                           [&](const Recipe& recipe) { return run_profile(*options, recipe); });
      }};
}

}  // namespace gradus
