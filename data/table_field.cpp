// SPDX-License-Identifier: Apache-2.0
#include "data/table_field.h"

#include <algorithm>

#include "engine/base/error.h"

namespace gradus {

int64_t TableField::inputs() const {
  if (kind != ColumnKind::category || !one_hot) return 1;
  return static_cast<int64_t>(categories.size()) + (missing_is_category ? 1 : 0);
}

void TableField::encode(std::string_view cell, const std::string& place, double* out) const {
  const bool missing = is_missing_cell(cell);
  if (missing && !takes_missing)
    failf(ErrorKind::bad_data, place,
          "column '{}' is missing, which the run's data.missing does not allow", name);
  if (kind != ColumnKind::category) {
    double number = fill;
    if (!missing && !read_cell(kind, cell, number))
      failf(ErrorKind::bad_data, place, "column '{}', expected a {}, got '{}'", name,
            kind == ColumnKind::date ? "date" : "finite number", cell.substr(0, 60));
    *out = scale.apply(number);
    return;
  }
  const auto found = std::ranges::find(categories, cell);
  const bool known = missing ? missing_is_category : found != categories.end();
  // The missing cell's place is behind all texts.
  const int64_t slot = !known    ? -1
                       : missing ? static_cast<int64_t>(categories.size())
                                 : found - categories.begin();
  if (!one_hot) {
    *out = scale.apply(static_cast<double>(slot));
    return;
  }
  std::fill_n(out, inputs(), 0.0);
  if (slot >= 0) out[slot] = 1;
}

}  // namespace gradus
