// SPDX-License-Identifier: Apache-2.0
// `gradus tune`: searches for the settings with which a recipe does best on its validation data.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include <fmt/format.h>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "tools/commands.h"
#include "tools/progress_line.h"
#include "tools/stop_signals.h"
#include "tools/tune_report.h"
#include "tools/tune_workers.h"
#include "training/run_folder.h"
#include "training/tune/space_reader.h"
#include "training/tune/tuner.h"

namespace gradus {
namespace {

constexpr int64_t usual_trials = 20, most_trials = 1'000'000, most_workers = 256;

struct TuneOptions {
  std::string recipe;
  std::vector<std::string> settings;
  std::string space;
  std::string strategy = "random";
  std::string acquisition = "ei";
  std::string metric = "validation.loss";
  std::string prune = "none";
  std::string run;
  int64_t trials = 0;
  int64_t seed = 1;
  int64_t workers = 1;
  bool json = false;
};

void check_options(const TuneOptions& options) {
  GRADUS_CHECK(options.trials >= 0 && options.trials <= most_trials,
               "tune: --trials, expected 1 to {} (0: all of a grid, else {}), got {}", most_trials,
               usual_trials, options.trials);
  GRADUS_CHECK(options.seed >= 0, "tune: --seed, expected at least 0, got {}", options.seed);
  GRADUS_CHECK(options.workers >= 1 && options.workers <= most_workers,
               "tune: --workers, expected 1 to {}, got {}", most_workers, options.workers);
  GRADUS_CHECK(options.prune == "none" || options.prune == "median",
               "tune: --prune, expected none or median, got '{}'", options.prune);
  for (const std::string& setting : options.settings)
    GRADUS_CHECK(!setting.starts_with("run="),
                 "override '{}': --run DIR names the folder of a search", setting);
}

std::string read_text(const std::string& path, std::string_view what) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored))
    failf(ErrorKind::not_found, path, "no such {}", what);
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) failf(ErrorKind::io, path, "cannot read the {}", what);
  return text.str();
}

SearchPlan plan_of(const TuneOptions& options) {
  const Recipe base = load_recipe(options.recipe, options.settings);
  const Strategy strategy = parse_strategy(options.strategy);
  const bool all = options.trials == 0 && strategy == Strategy::grid;
  return {
      .recipe_name = options.recipe,
      .recipe_text = read_text(options.recipe, "recipe"),
      .overrides = options.settings,
      .space = parse_search_space(read_text(options.space, "space; docs/tuning.md has examples"),
                                  options.space, base),
      .strategy = strategy,
      .acquisition = parse_acquisition(options.acquisition),
      .metric = parse_search_metric(options.metric),
      .prune = options.prune == "median",
      .seed = static_cast<uint64_t>(options.seed),
      .trials = options.trials > 0 || all ? options.trials : usual_trials,
      .threads = options.workers > 1 ? std::max<int64_t>(thread_count() / options.workers, 1) : 0};
}

// Shows a search on stderr.
class Display {
 public:
  Display(const SearchMetric& metric, bool alone) : metric_(metric), alone_(alone) {}

  void begun(const Trial& trial) {
    line_.note(fmt::format("tune: trial {}: {}", trial.number, fmt::join(trial.settings, " ")));
  }

  // Of several trials at a time the lines would write over each other.
  void stepped(const Trial& trial, const TrainingPlan& plan, const StepReport& report) {
    if (alone_ && line_.due())
      line_.show(fmt::format("trial {}  step {}/{}  loss {:.4f}", trial.number, report.step,
                             plan.steps, report.loss));
  }

  void ended(const Trial& trial) {
    if (trial.state == TrialState::failed)
      line_.note(fmt::format("tune: trial {} failed: {}", trial.number, trial.message));
    else
      line_.note(fmt::format("tune: trial {} {} after {} steps: {} {:.6g}", trial.number,
                             trial_state_name(trial.state), trial.steps, metric_.name,
                             trial.value));
  }

 private:
  SearchMetric metric_;
  bool alone_;
  ProgressLine line_;
};

int run_tune(const TuneOptions& options) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file-size limit is an error of a write, with its message
  check_options(options);
  const int threads = thread_count();
  const SearchPlan plan = plan_of(options);
  set_thread_count(1);  // workers are forked below: no thread may have been started before
  check_search(plan);
  set_thread_count(threads);
  const std::string stem = std::filesystem::path(options.recipe).stem().string();
  TrialStore store(options.run.empty() ? unused_run_path("tune-" + stem) : options.run,
                   search_facts(plan), plan.space.base());
  fmt::print(stderr, "tune: search folder {}\n", store.folder());
  const StopSignals signals;
  const int code = run_workers(options.workers, [&] {
    Display display(plan.metric, options.workers == 1);
    const SearchObserver observer{
        .begun = [&](const Trial& trial) { display.begun(trial); },
        .stepped = [&](const Trial& trial, const TrainingPlan& training,
                       const StepReport& report) { display.stepped(trial, training, report); },
        .ended = [&](const Trial& trial) { display.ended(trial); }};
    return run_search(plan, store, observer, StopSignals::asked) ? exit_success : exit_stopped;
  });
  const SearchReport report = search_report(plan, store, options.recipe);
  if (code == exit_stopped)
    fmt::print(stderr, "tune: stopped; the same command with --run {} goes on\n", store.folder());
  fmt::print("{}", options.json ? to_json(report) + "\n" : to_text(report));
  if (code != exit_success) return code;
  return report.has_best() ? exit_success : exit_failure;
}

}  // namespace

Command tune_command() {
  const auto options = std::make_shared<TuneOptions>();
  return {.name = "tune",
          .doc = "Search for the settings with which a recipe does best on its validation data",
          .options =
              {{"RECIPE", "A TOML file, see recipes/", &options->recipe, true},
               {"SETTINGS", "key=value settings of every trial", &options->settings},
               {"--space", "A TOML file: what to try of which keys, see docs/tuning.md",
                &options->space, true},
               {"--strategy", "grid: every combination; random; bayes: by a Gaussian process",
                &options->strategy},
               {"--trials", "How many at most; 0: all of a grid, else 20", &options->trials},
               {"--seed", "Of what random and bayes draw", &options->seed},
               {"--metric", "What the best is best at: loss, accuracy, r2, ... of the validation",
                &options->metric},
               {"--acquisition", "Of bayes: ei (expected improvement) or ucb (confidence bound)",
                &options->acquisition},
               {"--prune", "median: end trials that are worse than the median of the others; none",
                &options->prune},
               {"--workers", "Trials at a time, each in a process of its own", &options->workers},
               {"--run", "The folder of the search; without it the first free runs/tune-RECIPE-N",
                &options->run},
               {"--json", "Print one JSON object", &options->json}},
          .run = [options] { return run_tune(*options); }};
}

}  // namespace gradus
