// SPDX-License-Identifier: Apache-2.0
// `gradus train`: trains what a recipe describes into a run folder.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>

#include <nlohmann/json.hpp>

#include "data/sources.h"
#include "engine/base/error.h"
#include "tools/commands.h"
#include "tools/device_reason.h"
#include "tools/json_line.h"
#include "tools/progress_line.h"
#include "tools/report_files.h"
#include "tools/stop_signals.h"
#include "tools/with_recipe.h"
#include "training/run_folder.h"
#include "training/trainer.h"

namespace gradus {
namespace {

using Clock = std::chrono::steady_clock;

struct TrainOptions {
  std::string recipe;
  std::vector<std::string> settings;  // key=value, run=DIR among them
  bool allow_changes = false;
  bool stepwise = false;
  bool json = false;
};

// Shows a run on stderr.
class Display {
 public:
  // `reason`: why the run has its device.
  Display(std::string run, std::string reason) : run_(std::move(run)), reason_(std::move(reason)) {}

  void start(const TrainingPlan& plan) {
    plan_ = plan;
    begin_ = Clock::now();
    line_.note(fmt::format("train: {} parameters, {} training and {} validation samples",
                           plan.parameters, plan.training_samples, plan.validation_samples));
    line_.note(fmt::format("train: {} steps of {} samples ({} an epoch) on {} ({})", plan.steps,
                           plan.batch, plan.steps_per_epoch, plan.device, reason_));
    line_.note(fmt::format("train: memory: {} of states, {} of everything else; run folder {}",
                           bytes_text(static_cast<double>(plan.state_bytes + plan.copy_bytes)),
                           bytes_text(static_cast<double>(plan.arena_bytes)), run_));
  }

  void note(const std::string& text) { line_.note("train: " + text); }

  void step(const StepReport& report) {
    if (!line_.due()) return;
    const double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
    const double rate = static_cast<double>(report.step - plan_.steps_done) / seconds;
    const double left = std::min(static_cast<double>(plan_.steps - report.step) / rate,
                                 std::max(plan_.seconds_left - seconds, 0.0));
    line_.show(fmt::format("step {}/{}  loss {:.4f}  lr {:.3g}  {:.0f} samples/s  {} left",
                           report.step, plan_.steps, report.loss, report.lr,
                           rate * static_cast<double>(plan_.batch), clock_text(left)));
  }

  void validation(int64_t step, const Score& score) {
    line_.note(fmt::format("step {}/{}  validation: {}", step, plan_.steps, metrics_text(score)));
  }

  void finish(const TrainingResult& result) {
    const double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
    const std::string weights = run_path(run_, run_file::weights);
    if (result.end == TrainingEnd::finished_already)
      note("this run is finished: " + weights);
    else if (result.end == TrainingEnd::stopped)
      note(fmt::format("stopped after {} of {} steps; the same command goes on from {}",
                       result.steps, plan_.steps, result.checkpoint));
    else if (result.out_of_time)
      note(fmt::format("its time is over after {} of {} steps: {}", result.steps, plan_.steps,
                       weights));
    else
      note(
          fmt::format("done after {} steps in {}: {}", result.steps, clock_text(seconds), weights));
  }

 private:
  std::string run_, reason_;
  TrainingPlan plan_;
  Clock::time_point begin_ = Clock::now();
  ProgressLine line_;
};

// Takes run=DIR out of the settings; without one, the first free runs/RECIPE-N.
std::string take_run(std::vector<std::string>& settings, const std::string& recipe) {
  std::string run;
  std::erase_if(settings, [&](const std::string& setting) {
    if (!setting.starts_with("run=")) return false;
    run = setting.substr(4);
    GRADUS_CHECK(!run.empty(), "override 'run=': expected the path of a folder");
    return true;
  });
  return run.empty() ? unused_run_path(std::filesystem::path(recipe).stem().string()) : run;
}

void print_result(const TrainingResult& result, const std::string& run) {
  nlohmann::ordered_json json = {{"run", run}, {"steps", result.steps}, {"loss", result.loss}};
  if (result.validated) {
    nlohmann::ordered_json& score = json["validation"];
    for (const auto& [name, value] : metrics_of(result.validation))
      score[std::string(name)] = value;
    if (result.validation.samples > 0) score["samples"] = result.validation.samples;
  }
  if (result.end == TrainingEnd::stopped) json["checkpoint"] = result.checkpoint;
  fmt::print("{}\n", json_line(json));
}

int train_recipe(const TrainOptions& options, const Recipe& recipe, const std::string& run) {
  Display display(run, device_reason(recipe.text("device")));
  const StopSignals signals;
  const TrainingResult result =
      train(recipe, run,
            {[&](const TrainingPlan& plan) { display.start(plan); },
             [&](const StepReport& report) { display.step(report); },
             [&](int64_t step, const Score& score) { display.validation(step, score); },
             [&](const std::string& text) { display.note(text); },
             [&](int64_t step, const Report& report) {
               write_report(report, split_name(Split::validation),
                            run_path(run, fmt::format("reports/step-{:08}", step)));
             }},
            {StopSignals::asked, options.allow_changes, options.stepwise});
  display.finish(result);
  if (options.json) print_result(result, run);
  return result.end == TrainingEnd::stopped ? exit_stopped : exit_success;
}

int run_train(TrainOptions options) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file-size limit is an error of a write, with its message
  const std::string run = take_run(options.settings, options.recipe);
  return with_recipe(options.recipe, options.settings,
                     [&](const Recipe& recipe) { return train_recipe(options, recipe, run); });
}

}  // namespace

Command train_command() {
  const auto options = std::make_shared<TrainOptions>();
  return {
      .name = "train",
      .doc = "Train what a recipe describes: gradus train RECIPE [key=value...] [run=DIR]",
      .options = {{"RECIPE", "A TOML file, see recipes/", &options->recipe, true},
                  {"SETTINGS",
                   "key=value settings that replace the recipe's; run=DIR names the run folder",
                   &options->settings},
                  {"--allow-changes",
                   "Go on with a run that was begun with another recipe, which becomes this one",
                   &options->allow_changes},
                  {"--stepwise",
                   "Run node by node and, where a loss or weight becomes NaN or infinite, name the "
                   "first node that made one; slower, and other last bits",
                   &options->stepwise},
                  {"--json", "Print the result as one JSON object", &options->json}},
      .run = [options] { return run_train(*options); },
      .notes = [] { return "Keys of a recipe:\n" + recipe_keys_text(); }};
}

}  // namespace gradus
