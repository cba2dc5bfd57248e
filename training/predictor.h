// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/exec/executable.h"
#include "training/data_card.h"
#include "training/program.h"
#include "training/run_weights.h"

namespace gradus {

// A trained model that answers: the recipe, data card and weights of a run.
class Predictor {
 public:
  // `threads`: 0 for the recipe's. Throws as recipe_of_run, load_data_card and load_run_weights,
  // and invalid_argument for a run whose model reads text (training/generation.h does that).
  explicit Predictor(const std::string& run, const RunWeights& weights = {}, int threads = 0);

  const Recipe& recipe() const { return recipe_; }
  const DataCard& card() const { return card_; }

  // Probabilities are softmax of logits / `temperature`: the larger, the more alike (1 at first).
  // Throws invalid_argument unless it is finite and above 0, and for a run that predicts numbers.
  void set_temperature(double temperature);

  // What the model says of each sample, in order: the probability of every class, or each output in
  // the data's unit; valid during the call. A sample of which it says NaN or infinity goes to
  // `lost` in place of `visit`; without that, throws not_finite naming the sample.
  void run(const Dataset& samples,
           const std::function<void(int64_t sample, std::span<const double> answer)>& visit,
           const std::function<void(int64_t sample)>& lost = {});

 private:
  void answer(std::span<double> outputs, int64_t sample, std::span<double> out) const;

  Recipe recipe_;
  DataCard card_;
  BatchSpec spec_;
  double temperature_ = 1;
  ParameterTable parameters_;
  StateStore states_;
  Arena arena_;
  HostBatch host_;
  std::optional<Executable> program_;
};

}  // namespace gradus
