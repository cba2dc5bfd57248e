// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "data/column_scale.h"
#include "data/table_field.h"

namespace gradus {

// How the data that a model learnt from were coded. Other data are coded in this way for the same
// model, not by what they themselves say: its inputs and outputs have no other meaning.
struct LearntCoding {
  std::vector<TableField> fields = {};          // of the inputs, in their order; empty: not known
  std::vector<std::string> class_names = {};    // empty: it predicts numbers
  std::vector<ColumnScale> target_scales = {};  // of numbers and labels, one for each output
  bool labels = false;                          // the outputs are labels

  // Whether a column is one of the inputs, as far as they are known.
  bool takes(const std::string& column) const {
    return fields.empty() || std::ranges::count(fields, column, &TableField::name) > 0;
  }
};

}  // namespace gradus
