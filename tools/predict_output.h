// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tools/predict_inputs.h"
#include "training/predictor.h"

namespace gradus {

// What a model says of one sample, or why it says nothing.
struct PredictionRow {
  SamplePlace place;
  // The likeliest classes and their probabilities, the likeliest first; or outputs and their
  // values.
  std::vector<std::pair<std::string, double>> answers = {};
  bool labels = false;               // the answers are labels and their probabilities
  std::vector<double> spreads = {};  // of each answer over passes with dropout; empty without
  std::string fault = {};
};

// Of classes the `top` likeliest; of equally likely ones the lower class stands first.
PredictionRow prediction_row(const DataCard& card, const SamplePlace& place,
                             const Predictor::Answer& answer, int64_t top);

// One line, a JSON array, or CSV with a header. Of labels, text names those that are more likely
// than not, and the others have all.
std::string prediction_text(const PredictionRow& row);
std::string predictions_json(const std::vector<PredictionRow>& rows, const DataCard& card);
struct PredictionForm {
  int64_t top = 1;      // classes in a row
  bool spread = false;  // whether each answer has one
};
std::string predictions_csv(const std::vector<PredictionRow>& rows, const DataCard& card,
                            const PredictionForm& form);

}  // namespace gradus
