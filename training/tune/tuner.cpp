// SPDX-License-Identifier: Apache-2.0
#include "training/tune/tuner.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "data/sources.h"
#include "engine/base/error.h"
#include "training/data_factory.h"
#include "training/run_folder.h"
#include "training/run_record.h"
#include "training/tune/median_rule.h"

namespace gradus {
namespace {

constexpr double no_value = std::numeric_limits<double>::quiet_NaN();

double metric_in(const Score& score, const std::string& name) {
  for (const auto& [known, value] : metrics_of(score))
    if (known == name) return value;
  return no_value;
}

// The metric of each validation that a run has noted down.
std::vector<double> validations_of(const RunRecord& run, const std::string& metric) {
  std::vector<double> values;
  for (const EvaluationRecord& evaluation : run.evaluations) {
    if (evaluation.split != split_name(Split::validation)) continue;
    const auto found = evaluation.metrics.find(metric);
    values.push_back(found == evaluation.metrics.end() ? no_value : found->second);
  }
  return values;
}

// One claimed trial from where it stands to its end.
class TrialRun {
 public:
  TrialRun(const SearchPlan& plan, const TrialStore& store, const SearchObserver& observer,
           const std::function<bool()>& stop, Trial trial)
      : plan_(plan),
        store_(store),
        observer_(observer),
        stop_(stop),
        trial_(std::move(trial)),
        run_(store.run_of(trial_.number)) {}

  // None: stopped as asked.
  std::optional<Trial> run() {
    try {
      return train_to_end() ? std::optional(trial_) : std::nullopt;
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::io || error.kind() == ErrorKind::internal) throw;
      return failed(error.what());
    } catch (const std::bad_alloc&) {
      return failed("out of memory");
    }
  }

 private:
  Trial failed(const std::string& message) {
    trial_.state = TrialState::failed;
    trial_.value = no_value;
    trial_.message = message;
    return trial_;
  }

  bool train_to_end();
  void validated(int64_t step, const Score& score);
  bool is_worse(double value, int64_t validation) const;
  bool was_pruned();
  void take_record(bool keeps_best);

  const SearchPlan& plan_;
  const TrialStore& store_;
  const SearchObserver& observer_;
  const std::function<bool()>& stop_;
  Trial trial_;
  std::string run_;
  TrainingPlan training_;
  int64_t validate_every_ = 0;
  bool pruned_ = false;
};

bool TrialRun::is_worse(double value, int64_t validation) const {
  std::vector<std::vector<double>> others;
  for (Trial& other : store_.read())
    if (other.state == TrialState::finished || other.state == TrialState::pruned)
      others.push_back(std::move(other.validations));
  return median_rule_stops(value, validation, others, plan_.metric);
}

// A process that pruned it may have died before it said so.
bool TrialRun::was_pruned() {
  if (!plan_.prune || look_at_run(run_) != RunState::unfinished) return false;
  const std::vector<double> values = validations_of(read_run(run_), plan_.metric.name);
  return !values.empty() && is_worse(values.back(), static_cast<int64_t>(values.size()));
}

void TrialRun::validated(int64_t step, const Score& score) {
  if (!plan_.prune || step >= training_.steps) return;
  const int64_t every = validate_every_ > 0 ? validate_every_ : training_.steps_per_epoch;
  pruned_ = is_worse(metric_in(score, plan_.metric.name), (step + every - 1) / every);
}

void TrialRun::take_record(bool keeps_best) {
  const RunRecord record = read_run(run_);
  trial_.steps = record.steps.empty() ? 0 : record.steps.back().step;
  trial_.validations = validations_of(record, plan_.metric.name);
  GRADUS_CHECK(!trial_.validations.empty(), "its run has no validation");
  trial_.value = trial_.validations.back();
  if (!keeps_best) return;
  for (const double value : trial_.validations)
    if (std::isnan(trial_.value) || plan_.metric.is_better(value, trial_.value))
      trial_.value = value;
}

bool TrialRun::train_to_end() {
  const Recipe recipe = plan_.recipe(trial_.settings);
  const bool keeps_best = recipe.integer("stop.patience") > 0;
  validate_every_ = recipe.integer("validate_every");
  pruned_ = was_pruned();
  if (!pruned_) {
    TrainingObserver observer;
    observer.started = [&](const TrainingPlan& plan) { training_ = plan; };
    observer.stepped = [&](const StepReport& report) {
      if (observer_.stepped) observer_.stepped(trial_, training_, report);
    };
    observer.validated = [&](int64_t step, const Score& score) { validated(step, score); };
    const TrainingResult result =
        train(recipe, run_, observer, {.stop = [&] { return pruned_ || (stop_ && stop_()); }});
    if (result.end == TrainingEnd::stopped && !pruned_) return false;
    if (result.end != TrainingEnd::stopped) pruned_ = false;
  }
  take_record(keeps_best);
  trial_.state = pruned_ ? TrialState::pruned : TrialState::finished;
  return true;
}

std::vector<SearchTrial> search_trials(const std::vector<Trial>& trials,
                                       const SearchMetric& metric) {
  std::vector<SearchTrial> result;
  for (const Trial& trial : trials)
    result.push_back({.point = trial.point,
                      .ended = trial.has_ended(),
                      .cost = trial.has_ended() ? metric.cost(trial.value) : no_value});
  return result;
}

// Every value that a key can have, or both ends of its range, with the first ones of the others.
void check_values(const SearchPlan& plan) {
  const SearchSpace& space = plan.space;
  for (size_t d = 0; d < space.size(); ++d) {
    const SearchDimension& dimension = space.dimensions()[d];
    const size_t count = std::max<size_t>(dimension.choices.size(), 2);
    for (size_t i = 0; i < count; ++i) {
      SearchPoint point(space.size(), 0.0);
      point[d] = static_cast<double>(i) / static_cast<double>(count - 1);
      plan.recipe(space.settings(space.canonical(point)));
    }
  }
}

// The files hold texts; of numbers the same ones as the command line's.
std::string_view strategy_name(Strategy strategy) {
  constexpr std::string_view names[] = {"grid", "random", "bayes"};
  return names[static_cast<size_t>(strategy)];
}

}  // namespace

Recipe SearchPlan::recipe(const std::vector<std::string>& settings) const {
  std::vector<std::string> all = overrides;
  all.insert(all.end(), settings.begin(), settings.end());
  const Recipe recipe = parse_recipe(recipe_text, recipe_name, all);
  if (threads == 0 || recipe.integer("threads") > 0) return recipe;
  all.push_back(fmt::format("threads={}", threads));
  return parse_recipe(recipe_text, recipe_name, all);
}

SearchFacts search_facts(const SearchPlan& plan) {
  SearchFacts facts = {{"strategy", std::string(strategy_name(plan.strategy))},
                       {"metric", plan.metric.name},
                       {"prune", plan.prune ? "median" : "none"}};
  if (plan.strategy != Strategy::grid) facts.emplace_back("seed", fmt::to_string(plan.seed));
  if (plan.strategy == Strategy::bayes)
    facts.emplace_back("acquisition", plan.acquisition == Acquisition::ei ? "ei" : "ucb");
  for (const SearchDimension& dimension : plan.space.dimensions())
    facts.emplace_back(fmt::format("space.{}", dimension.key->name), dimension.text());
  return facts;
}

void check_search(const SearchPlan& plan) {
  for (const std::string& setting : plan.overrides)
    for (const SearchDimension& dimension : plan.space.dimensions())
      GRADUS_CHECK(setting.substr(0, setting.find('=')) != dimension.key->name,
                   "override '{}': the space says already what '{}' is to be", setting,
                   dimension.key->name);
  make_search(plan.space, plan.strategy, plan.acquisition, plan.seed);
  check_values(plan);
  const SearchPoint first = plan.space.canonical(SearchPoint(plan.space.size(), 0.0));
  const TrainingData data = load_training_data(plan.recipe(plan.space.settings(first)));
  GRADUS_CHECK(data.validation != nullptr,
               "[{}] a search compares trials by their validation, and this recipe has none: set "
               "data.validation=0.2 (or data.validation_samples)",
               plan.recipe_name);
  check_search_metric(plan.metric, *data.validation);
}

bool run_search(const SearchPlan& plan, TrialStore& store, const SearchObserver& observer,
                const std::function<bool()>& stop) {
  const std::unique_ptr<Search> search =
      make_search(plan.space, plan.strategy, plan.acquisition, plan.seed);
  const auto propose = [&](const std::vector<Trial>& begun) -> std::optional<Trial> {
    if (plan.trials > 0 && static_cast<int64_t>(begun.size()) >= plan.trials) return {};
    const std::optional<SearchPoint> point = search->propose(search_trials(begun, plan.metric));
    if (!point) return {};
    return Trial{.point = *point, .settings = plan.space.settings(*point)};
  };
  for (;;) {
    if (stop && stop()) return false;
    const std::optional<TrialStore::Claim> claim = store.claim(propose);
    if (!claim) return true;
    if (observer.begun) observer.begun(claim->trial);
    const std::optional<Trial> ended = TrialRun(plan, store, observer, stop, claim->trial).run();
    if (!ended) return false;
    store.end(*ended);
    if (observer.ended) observer.ended(*ended);
  }
}

std::vector<Trial> ranked(std::vector<Trial> trials, const SearchMetric& metric) {
  const auto place = [](const Trial& trial) {
    if (!trial.has_ended()) return 4;
    if (trial.state == TrialState::failed) return 3;
    if (std::isnan(trial.value)) return 2;
    return trial.state == TrialState::pruned ? 1 : 0;
  };
  std::ranges::stable_sort(trials, [&](const Trial& a, const Trial& b) {
    if (place(a) != place(b)) return place(a) < place(b);
    return place(a) < 2 && metric.is_better(a.value, b.value);
  });
  return trials;
}

}  // namespace gradus
