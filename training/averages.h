// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/exec/state_store.h"
#include "engine/graph/graph.h"
#include "models/layers/parameter_table.h"
#include "training/recipe.h"

namespace gradus {

// An average of a run's weights beside them: of all steps with weights that fall back in time
// (EMA), or of some of the last steps, all alike (SWA, Izmailov et al. 2018). Step s moves it by a
// share of the way to the weights, which depends on s alone.
struct Averaging {
  enum class Form { none, ema, swa };

  Form form = Form::none;
  double decay = 0.999;  // of ema: what a step leaves of the average
  bool rising = false;   // of ema: at most (1 + n) / (10 + n) after n steps
  int64_t start = 1;     // up to this step the average is a copy of the weights
  int64_t every = 1;     // of swa: steps between two that are averaged

  bool on() const { return form != Form::none; }
  // Of step 1 .. : 1 makes a copy, 0 leaves the average as it is.
  double share(int64_t step) const;
};

// `steps` of the whole run.
Averaging make_averaging(const Recipe& recipe, int64_t steps, int64_t steps_per_epoch);

// Name of the average of a parameter: "ema.fc1.weight".
std::string average_name(std::string_view parameter);

// Throws that a file has no averages.
[[noreturn]] void refuse_averages(const std::string& path);

// Which of a file's tensors stand for a model's weights: the averages where it has any, never them,
// or them alone.
enum class WeightsChoice { automatic, raw, average };
// "raw", "average"; empty is automatic. Throws invalid_argument for another text.
WeightsChoice parse_weights_choice(std::string_view text);
// The name under which a file with tensors `names` holds what stands for a parameter.
template <class Names>
std::string chosen_name(const Names& names, std::string_view parameter, WeightsChoice choice) {
  std::string average = average_name(parameter);
  return choice != WeightsChoice::raw && names.find(average) != names.end()
             ? average
             : std::string(parameter);
}
// Throws invalid_argument where averages are wanted and `names` has none; `path` begins the
// message.
template <class Names>
void check_choice(const Names& names, WeightsChoice choice, const std::string& path) {
  const auto first = names.lower_bound(average_name(""));
  if (choice == WeightsChoice::average &&
      (first == names.end() || !first->first.starts_with(average_name(""))))
    refuse_averages(path);
}

// Moves the average of every weight and buffer that the graph updates by `share` of the way to its
// next version, and declares it. Comes behind all updates.
void add_averages(Graph& graph, ParameterTable& parameters, Value share);

// Weights and buffers that have an average, found once, so that exchanging them allocates nothing.
// The states outlive it.
class AveragedStates {
 public:
  AveragedStates(const ParameterTable& parameters, StateStore& states);

  // Exchanges averages and weights, for evaluation; a second time brings them back.
  void swap() const;

 private:
  struct Pair {
    Tensor state, average, held;
  };
  std::vector<Pair> pairs_;
};

// Averages in the place of the weights for as long as it lives.
class AveragesInPlace {
 public:
  explicit AveragesInPlace(const AveragedStates& states) : states_(states) { states_.swap(); }
  ~AveragesInPlace() { states_.swap(); }
  AveragesInPlace(const AveragesInPlace&) = delete;
  AveragesInPlace& operator=(const AveragesInPlace&) = delete;

 private:
  const AveragedStates& states_;
};

}  // namespace gradus
