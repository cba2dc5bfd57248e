// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"
#include "training/recipe.h"

namespace gradus {

// What a run keeps of its training data, in RUN/data.json, to take in other samples and to say in
// words what the model answers: so that nothing else is needed for prediction.
struct DataCard {
  std::string format;                     // data.format
  bool tokens = false;                    // samples are texts
  Shape sample;                           // of one input
  std::vector<std::string> class_names;   // one for each class; empty for numbers and texts
  std::vector<std::string> target_names;  // of numbers and labels, one for each output
  std::vector<ColumnScale> target_scales;
  std::vector<TableField> fields;  // of a table; of a series those that its windows have rows of
  bool labels = false;             // the outputs are logits of labels

  int64_t outputs() const {
    return static_cast<int64_t>(class_names.empty() ? target_scales.size() : class_names.size());
  }
};

DataCard describe_data(const Recipe& recipe, const Dataset& data);

std::string to_json(const DataCard& card);
// Throws bad_data beginning with `source` for a text that to_json cannot have made.
DataCard parse_data_card(const std::string& text, const std::string& source);
// Of a run. Throws not_found where it has none.
DataCard load_data_card(const std::string& run);

// Raw samples `inputs` (samples, ...), of pixels (bytes count 1 / 255) or coded rows, as a data set
// that hands them out the way training did. Its targets mean nothing. `name` begins messages.
// Throws bad_data for another shape than the card's and for values that are not finite.
std::unique_ptr<Dataset> coded_samples(const DataCard& card, const Recipe& recipe, Tensor inputs,
                                       const std::string& name);

}  // namespace gradus
