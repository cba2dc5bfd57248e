// SPDX-License-Identifier: Apache-2.0
// Small helpers that many ops share.
#pragma once

#include <string_view>
#include <vector>

#include "engine/op/op.h"

namespace gradus {

// A shape seen as (outer, dim, inner) around one dim. A scalar is (1, 1, 1).
struct DimSplit {
  int64_t outer, dim, inner;
};
DimSplit split_at(const Shape& shape, int64_t dim, std::string_view op);

// Which dims a reduction takes: normalized, sorted, each once; all when the attribute is none or
// empty. Throws for a dim that is out of range or named twice.
std::vector<int> reduced_dims(const Attrs& attrs, int rank, std::string_view op);
// The shape left after reducing `dims`.
Shape reduced_shape(const Shape& shape, const std::vector<int>& dims, bool keepdim);

// The sum of the inputs' and outputs' bytes: the least traffic of an op that reads and writes each
// element once.
double least_bytes(const KernelQuery& query);

}  // namespace gradus
