// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tools/predict_inputs.h"

namespace gradus {

// What a model says of one sample, or why it says nothing.
struct PredictionRow {
  SamplePlace place;
  // The likeliest classes and their probabilities, the likeliest first; or outputs and their
  // values.
  std::vector<std::pair<std::string, double>> answers;
  std::string fault;
};

// Of classes the `top` likeliest; of equally likely ones the lower class stands first.
PredictionRow prediction_row(const DataCard& card, const SamplePlace& place,
                             std::span<const double> answer, int64_t top);

// One line, a JSON array, or CSV with a header; `is_class` says what the answers are.
std::string prediction_text(const PredictionRow& row);
std::string predictions_json(const std::vector<PredictionRow>& rows, bool is_class);
std::string predictions_csv(const std::vector<PredictionRow>& rows, const DataCard& card,
                            int64_t top);

}  // namespace gradus
