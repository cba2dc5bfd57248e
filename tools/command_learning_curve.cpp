// SPDX-License-Identifier: Apache-2.0
// `gradus learning-curve`: what more training samples give.
#include <csignal>
#include <filesystem>
#include <memory>

#include <fmt/format.h>

#include "engine/base/error.h"
#include "engine/io/atomic_file.h"
#include "tools/commands.h"
#include "tools/learning_curve_report.h"
#include "tools/stop_signals.h"
#include "training/run_folder.h"

namespace gradus {
namespace {

constexpr int64_t most_seeds = 1000;

struct LearningCurveOptions {
  std::string recipe;
  std::vector<std::string> settings;
  std::string sizes;
  int64_t seeds = 1;
  std::string run;
  bool json = false;
};

void check_options(const LearningCurveOptions& options) {
  GRADUS_CHECK(options.seeds >= 1 && options.seeds <= most_seeds,
               "learning-curve: --seeds, expected 1 to {}, got {}", most_seeds, options.seeds);
  for (const std::string& setting : options.settings) {
    GRADUS_CHECK(!setting.starts_with("run="),
                 "override '{}': --run DIR names the folder of a learning curve", setting);
    GRADUS_CHECK(!setting.starts_with("data.samples="),
                 "override '{}': --sizes says how many samples are used", setting);
  }
}

void write_text(const std::string& path, const std::string& text) {
  const std::string_view parts[] = {text};
  write_file_atomically(path, parts);
}

int run_learning_curve(const LearningCurveOptions& options) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file-size limit is an error of a write, with its message
  check_options(options);
  const std::string stem = std::filesystem::path(options.recipe).stem().string();
  const LearningCurvePlan plan{
      .recipe = options.recipe,
      .overrides = options.settings,
      .sizes = parse_sizes(options.sizes),
      .seeds = options.seeds,
      .folder = options.run.empty() ? unused_run_path("learning-curve-" + stem) : options.run};
  const StopSignals signals;
  const std::optional<LearningCurve> curve = learning_curve(
      plan,
      [](const LearningCurvePoint& point) {
        fmt::print(stderr, "learning-curve: {} samples, seed {}: {} after {} steps; {}\n",
                   point.samples, point.seed, metrics_text(point.score), point.steps, point.run);
      },
      StopSignals::asked);
  if (!curve) {
    fmt::print(stderr, "learning-curve: stopped; the same command with --run {} goes on\n",
               plan.folder);
    return exit_stopped;
  }
  write_text(run_path(plan.folder, "learning_curve.csv"), to_csv(*curve));
  write_text(run_path(plan.folder, "learning_curve.svg"), to_svg(*curve));
  fmt::print(stderr, "learning-curve: {0}/learning_curve.csv and {0}/learning_curve.svg\n",
             plan.folder);
  fmt::print("{}", options.json ? to_json(*curve, plan.folder) + "\n" : to_text(*curve));
  return exit_success;
}

}  // namespace

Command learning_curve_command() {
  const auto options = std::make_shared<LearningCurveOptions>();
  return {.name = "learning-curve",
          .doc = "Train on more and more samples, to see what more data would give",
          .options = {{"RECIPE", "A TOML file, see recipes/", &options->recipe, true},
                      {"SETTINGS", "key=value settings of every run", &options->settings},
                      {"--sizes", "Numbers of training samples, as 50,200,800,all", &options->sizes,
                       true},
                      {"--seeds", "Runs of each size", &options->seeds},
                      {"--run",
                       "The folder of the runs, the table and the plot; without it the first free "
                       "runs/learning-curve-RECIPE-N",
                       &options->run},
                      {"--json", "Print one JSON object", &options->json}},
          .run = [options] { return run_learning_curve(*options); }};
}

}  // namespace gradus
