// SPDX-License-Identifier: Apache-2.0
// `gradus profile`: where the time of a recipe's optimizer step goes.
#include <cstdio>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/sampler.h"
#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/io/atomic_file.h"
#include "tools/commands.h"
#include "tools/step_profile.h"
#include "tools/step_trace.h"
#include "training/data_factory.h"
#include "training/model_factory.h"
#include "training/program.h"

namespace gradus {
namespace {

constexpr int64_t warm_up_steps = 3, traced_steps = 3;

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

// The optimizer steps of a recipe, on its own data.
class Steps {
 public:
  explicit Steps(const Recipe& recipe)
      : dtype_(*parse_dtype(recipe.text("precision"))),
        seed_(static_cast<uint64_t>(recipe.integer("seed"))),
        lr_(recipe.real("lr")),
        data_(load_data(recipe, Split::train)),
        sampler_(data_->size(), recipe.integer("batch"), seed_),
        states_(find_device(recipe.text("device"))),
        arena_(states_.device()),
        spec_(batch_spec(*data_, recipe.integer("batch"))),
        host_(spec_, dtype_),
        program_(training_graph(make_model(recipe, *data_), spec_, dtype_, make_optimizer(recipe),
                                recipe.real("clip"), parameters_),
                 states_, arena_) {
    set_first_values(parameters_, seed_, states_);
  }

  const Executable& program() const { return program_; }

  void run(int64_t step, RunObserver* observer) {
    data_->fill(sampler_.batch(step - 1), 0, host_.inputs, host_.targets);
    program_.set_input("input", host_.inputs);
    program_.set_input("target", host_.targets);
    program_.set_input("lr", lr_);
    program_.set_input("step", static_cast<double>(step));
    program_.run({seed_, static_cast<uint64_t>(step), 0}, observer);
  }

 private:
  DType dtype_;
  uint64_t seed_;
  double lr_;
  std::shared_ptr<const Dataset> data_;
  Sampler sampler_;
  ParameterTable parameters_;
  StateStore states_;
  Arena arena_;
  BatchSpec spec_;
  HostBatch host_;
  Executable program_;
};

void print_rows(const std::vector<ProfileRow>& rows, bool json) {
  if (json)
    fmt::print("{}\n", to_json(rows).dump());
  else
    fmt::print("{}", to_table(rows));
}

int run_profile(const ProfileOptions& options) {
  GRADUS_CHECK(options.steps > 0, "profile: --steps, expected a positive number, got {}",
               options.steps);
  GRADUS_CHECK(options.by == "op" || options.by == "shape",
               "profile: --by, expected op or shape, got '{}'", options.by);
  const Recipe recipe = load_recipe(options.recipe, options.settings);
  if (const int64_t threads = recipe.integer("threads"); threads > 0)
    set_thread_count(static_cast<int>(threads));
  Steps steps(recipe);
  StepProfile profile(steps.program(), options.by == "shape");
  StepTrace trace(steps.program(), traced_steps);
  Both both(profile, trace);
  for (int64_t step = 1; step <= warm_up_steps + options.steps; ++step)
    steps.run(step, step > warm_up_steps ? &both : nullptr);
  print_rows(profile.rows(), options.json);
  if (options.trace.empty()) return exit_success;
  const std::string contents = trace.to_json();
  const std::string_view parts[] = {contents};
  write_file_atomically(options.trace, parts);
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
                  {"--trace", "Write the first three steps to this file for a trace viewer",
                   &options->trace},
                  {"--json", "Print one JSON array", &options->json}},
      .run = [options] { return run_profile(*options); }};
}

}  // namespace gradus
