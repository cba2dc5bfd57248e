// SPDX-License-Identifier: Apache-2.0
#include "ops/slice_bounds.h"

#include <algorithm>

#include "engine/base/error.h"

namespace gradus {

SliceBounds slice_bounds(const Attrs& attrs, const Shape& shape, std::string_view op) {
  GRADUS_CHECK(shape.rank() > 0, "[{}] expected at least one dim, got a scalar", op);
  const int dim = normalize_dim(attrs.integer("dim"), shape.rank(), op);
  const int64_t size = shape[dim], step = attrs.integer("step");
  GRADUS_CHECK(step >= 1, "[{}] attribute 'step', expected at least 1, got {}", op, step);
  const auto place = [&](std::string_view name, int64_t otherwise) {
    if (!attrs.has(name)) return otherwise;
    const int64_t given = attrs.integer(name);
    return given < 0 ? std::max<int64_t>(given + size, 0) : std::min(given, size);
  };
  const int64_t start = place("start", 0), end = std::max(place("end", size), start);
  return {dim, start, step, end == start ? 0 : (end - start - 1) / step + 1};
}

std::vector<AttrSpec> slice_attributes() {
  return {{"dim", AttrType::integer, 0},
          {"start", AttrType::integer},
          {"end", AttrType::integer},
          {"step", AttrType::integer, 1}};
}

}  // namespace gradus
