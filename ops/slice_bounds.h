// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "engine/op/op.h"

namespace gradus {

// Which elements of one dim a slice takes: start, start + step, ..., `count` of them.
struct SliceBounds {
  int dim;
  int64_t start, step, count;
};

// From the attributes dim, start, end and step, as Python slices: negative places count from the
// end, places beyond the ends are clamped. Throws for a step below 1 or a scalar.
SliceBounds slice_bounds(const Attrs& attrs, const Shape& shape, std::string_view op);
std::vector<AttrSpec> slice_attributes();

}  // namespace gradus
