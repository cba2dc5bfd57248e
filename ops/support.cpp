// SPDX-License-Identifier: Apache-2.0
#include "ops/support.h"

#include <algorithm>
#include <numeric>

#include "engine/base/error.h"

namespace gradus {

DimSplit split_at(const Shape& shape, int64_t dim, std::string_view op) {
  const int d = normalize_dim(dim, shape.rank(), op);
  if (shape.rank() == 0) return {1, 1, 1};
  return {shape.product(0, d), shape[d], shape.product(d + 1, shape.rank())};
}

std::vector<int> reduced_dims(const Attrs& attrs, int rank, std::string_view op) {
  std::vector<int> dims;
  const AttrValue& value = attrs.find("dim");
  if (const int64_t* one = value.as<int64_t>()) {
    dims.push_back(normalize_dim(*one, rank, op));
  } else if (!value.is_none()) {
    for (int64_t dim : attrs.integers("dim")) dims.push_back(normalize_dim(dim, rank, op));
  }
  std::ranges::sort(dims);
  GRADUS_CHECK(std::ranges::adjacent_find(dims) == dims.end(), "[{}] a dim is named twice in 'dim'",
               op);
  if (rank == 0) return {};
  if (dims.empty()) {
    dims.resize(static_cast<size_t>(rank));
    std::iota(dims.begin(), dims.end(), 0);
  }
  return dims;
}

Shape reduced_shape(const Shape& shape, const std::vector<int>& dims, bool keepdim) {
  Shape result;
  for (int d = 0; d < shape.rank(); ++d) {
    const bool reduced = std::ranges::find(dims, d) != dims.end();
    if (!reduced) result.push_back(shape[d]);
    if (reduced && keepdim) result.push_back(1);
  }
  return result;
}

double least_bytes(const KernelQuery& query) {
  double bytes = 0;
  for (const TensorSpec& spec : query.in) bytes += static_cast<double>(spec.bytes());
  for (const TensorSpec& spec : query.out) bytes += static_cast<double>(spec.bytes());
  return bytes;
}

}  // namespace gradus
