// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/column_scale.h"
#include "data/table.h"

namespace gradus {

// How one column of a table becomes inputs, by what the training rows said: all that is needed to
// code rows which come later.
struct TableField {
  std::string name;  // of the column
  ColumnKind kind = ColumnKind::number;
  bool takes_missing = false;  // else a missing cell is an error
  double fill = 0;             // for a missing number or date
  ColumnScale scale = {};      // of a number or date, or of a category's index
  // Of a category: the texts that training had, in the order of their inputs or indices; a missing
  // cell comes last where training had one.
  std::vector<std::string> categories = {};
  bool missing_is_category = false;
  bool one_hot = true;  // an input of 0 or 1 for each category, else one input: its index

  int64_t inputs() const;
  // Writes inputs() numbers. A text that training never had is 0 everywhere, or the index -1.
  // Throws bad_data beginning with `place` for a cell that is missing or not of the column's kind.
  void encode(std::string_view cell, const std::string& place, double* out) const;
};

}  // namespace gradus
