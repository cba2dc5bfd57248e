// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "training/trainer.h"
#include "training/tune/search.h"
#include "training/tune/search_metric.h"
#include "training/tune/trial_store.h"

namespace gradus {

// All that fixes the trials of a search.
struct SearchPlan {
  std::string recipe_name, recipe_text;  // a recipe as its writer wrote it
  std::vector<std::string> overrides;    // of every trial
  SearchSpace space;
  Strategy strategy = Strategy::random;
  Acquisition acquisition = Acquisition::ei;
  SearchMetric metric = {};
  bool prune = false;  // by median_rule_stops
  uint64_t seed = 1;
  int64_t trials = 0;   // at most; 0: as many as the strategy has
  int64_t threads = 0;  // of a trial whose recipe says none; 0: as in training

  // That of a trial. Throws as parse_recipe.
  Recipe recipe(const std::vector<std::string>& settings) const;
};

// What the folder of a search keeps of it.
SearchFacts search_facts(const SearchPlan& plan);

// Throws invalid_argument for what every trial would fail by: a value of the space that the recipe
// cannot have beside its others, a key that overrides and space both set, no validation data, a
// metric that its data do not have. Loads the data.
void check_search(const SearchPlan& plan);

// Called by the thread that trains. Each may be empty.
struct SearchObserver {
  std::function<void(const Trial&)> begun = {};
  std::function<void(const Trial&, const TrainingPlan&, const StepReport&)> stepped = {};
  std::function<void(const Trial&)> ended = {};
};

// Runs trials that no other process has, each as train() would run it in its folder, until there is
// none left to begin; false: `stop` became true, and a trial that was under way waits at a
// checkpoint. A trial that cannot be trained is noted down as failed, and the search goes on.
// Throws what is not a trial's fault: io, internal, and as TrialStore.
bool run_search(const SearchPlan& plan, TrialStore& store, const SearchObserver& observer,
                const std::function<bool()>& stop);

// The best first: finished ones by their value, then pruned ones, failed ones, and those that have
// not ended. Equal ones by number.
std::vector<Trial> ranked(std::vector<Trial> trials, const SearchMetric& metric);

}  // namespace gradus
