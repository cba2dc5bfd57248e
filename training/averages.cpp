// SPDX-License-Identifier: Apache-2.0
#include "training/averages.h"

#include <algorithm>

#include <fmt/core.h>

#include "engine/base/error.h"
#include "ops/ops.h"

namespace gradus {

double Averaging::share(int64_t step) const {
  if (step <= start) return 1;
  const int64_t behind = step - start;
  if (form == Form::swa)
    return behind % every == 0 ? 1.0 / (1.0 + static_cast<double>(behind / every)) : 0;
  const auto count = static_cast<double>(behind);
  return 1 - (rising ? std::min(decay, (1 + count) / (10 + count)) : decay);
}

Averaging make_averaging(const Recipe& recipe, int64_t steps, int64_t steps_per_epoch) {
  const std::string& name = recipe.text("average.name");
  Averaging averaging;
  if (name == "none") return averaging;
  const int64_t start = recipe.integer("average.start");
  if (name == "ema") {
    averaging.form = Averaging::Form::ema;
    averaging.decay = recipe.real("average.decay");
    averaging.rising = recipe.boolean("average.rising");
    averaging.start = std::max<int64_t>(start, 1);
    return averaging;
  }
  averaging.form = Averaging::Form::swa;
  averaging.start = std::max<int64_t>(start > 0 ? start : steps * 3 / 4, 1);
  const int64_t every = recipe.integer("average.every");
  averaging.every = std::max<int64_t>(every > 0 ? every : steps_per_epoch, 1);
  return averaging;
}

std::string average_name(std::string_view parameter) { return fmt::format("ema.{}", parameter); }

void refuse_averages(const std::string& path) {
  fail(ErrorKind::invalid_argument, path,
       "holds no averages of weights: the run's average.name is 'none'");
}

WeightsChoice parse_weights_choice(std::string_view text) {
  if (text.empty()) return WeightsChoice::automatic;
  if (text == "raw") return WeightsChoice::raw;
  GRADUS_CHECK(text == "average", "--weights, expected raw or average, got '{}'", text);
  return WeightsChoice::average;
}

void add_averages(Graph& graph, ParameterTable& parameters, Value share) {
  const std::vector<NamedValue> updates = graph.updates();
  for (const NamedValue& update : updates) {
    const Parameter* parameter = parameters.find(update.name);
    if (!parameter ||
        (parameter->role != ParameterRole::weight && parameter->role != ParameterRole::buffer))
      continue;
    const TensorSpec spec = parameter->spec;
    const std::string name = average_name(update.name);
    const Value average = graph.state(name, spec.dtype, spec.shape);
    parameters.add({name, spec, Initialiser::constant(0), ParameterRole::average});
    const Value part = reshape(cast(share, spec.dtype), {});
    graph.update(average, average + (graph.value(update.value) - average) * part);
  }
}

AveragedStates::AveragedStates(const ParameterTable& parameters, StateStore& states) {
  for (const Parameter& parameter : parameters.all()) {
    const std::string average = average_name(parameter.name);
    if (parameter.role == ParameterRole::average || !states.contains(average)) continue;
    const Tensor& state = states.get(parameter.name);
    pairs_.push_back(
        {state, states.get(average), Tensor(state.dtype(), state.shape(), states.device())});
  }
}

void AveragedStates::swap() const {
  for (const Pair& pair : pairs_) {
    Tensor state = pair.state, average = pair.average, held = pair.held;
    held.copy_from(state);
    state.copy_from(average);
    average.copy_from(held);
  }
}

}  // namespace gradus
