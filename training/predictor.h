// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/exec/executable.h"
#include "training/answer_sums.h"
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

  // Probabilities are softmax (of labels the sigmoid) of logits / `temperature`: the larger, the
  // more alike (1 at first). Throws invalid_argument unless it is finite and above 0, and for a run
  // that predicts numbers.
  void set_temperature(double temperature);

  // Dropout as an ensemble (Gal and Ghahramani 2016): answers become the mean of `passes` ones with
  // dropout, whose masks follow from `seed` and from how many samples came before. Throws
  // invalid_argument below 2 passes, and for a model without dropout.
  void draw_dropout(int64_t passes, uint64_t seed);

  struct Answer {
    // The probability of every class or label, or each output in the data's unit.
    std::span<const double> values;
    // Their sample standard deviations over the passes with dropout; empty where it is not drawn.
    std::span<const double> spread;
  };
  // What the model says of each sample, in order; valid during the call. A sample of which it says
  // NaN or infinity goes to `lost` in place of `visit`; without that, throws not_finite naming the
  // sample.
  using Visitor = std::function<void(int64_t sample, const Answer& answer)>;
  void run(const Dataset& samples, const Visitor& visit,
           const std::function<void(int64_t sample)>& lost = {});

 private:
  void build(bool thinned);
  void add_pass(int64_t pass, std::span<const int64_t> indices);
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
  int64_t passes_ = 0;    // with dropout; 0: one without
  uint64_t seed_ = 0;     // of its masks
  uint64_t batches_ = 0;  // so far
  AnswerSums sums_;       // of a batch
};

}  // namespace gradus
