// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "ops/op_list.h"
#include "ops/ops.h"

namespace gradus {
namespace {

// One dim `count` times: (outer, 1, rest) expanded to (outer, count, rest).
Value tile_dim(Value x, int dim, int64_t count) {
  const Shape shape = x.shape();
  Shape result = shape;
  GRADUS_CHECK(!__builtin_mul_overflow(shape[dim], count, &result[dim]),
               "[tile] dim {} of the result is too large", dim);
  const int64_t outer = shape.product(0, dim), rest = shape.product(dim, shape.rank());
  if (result.numel() == 0) return x.graph().full(result, 0.0, x.dtype());
  return reshape(expand(reshape(x, {outer, 1, rest}), {outer, count, rest}), result);
}

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  Value x = in[0];
  std::vector<int64_t> counts = attrs.integers("dims");
  GRADUS_CHECK(counts.size() <= Shape::max_rank,
               "[tile] attribute 'dims', expected at most {} numbers, got {}", Shape::max_rank,
               counts.size());
  for (int64_t count : counts)
    GRADUS_CHECK(count >= 0, "[tile] attribute 'dims', expected numbers of at least 0, got {}",
                 count);
  while (counts.size() < static_cast<size_t>(x.rank())) counts.insert(counts.begin(), 1);
  Shape shape = x.shape();
  while (shape.rank() < static_cast<int>(counts.size())) shape.insert(0, 1);
  x = reshape(x, shape);
  for (int d = shape.rank() - 1; d >= 0; --d)
    if (counts[static_cast<size_t>(d)] != 1) x = tile_dim(x, d, counts[static_cast<size_t>(d)]);
  return {x};
}

std::vector<Sample> samples() {
  const auto by = [](AttrValue::Integers dims) { return AttrList{{"dims", std::move(dims)}}; };
  return {{.inputs = {{.shape = {2, 3}}}, .attrs = by({2})},
          {.inputs = {{.shape = {2, 3}}}, .attrs = by({3, 1, 2})},
          {.inputs = {{.shape = {2, 1, 3}}}, .attrs = by({2, 3, 1})},
          {.inputs = {{.shape = {}}}, .attrs = by({3})},
          {.inputs = {{.shape = {1}}}, .attrs = by({1})},
          {.inputs = {{.shape = {2, 3}}}, .attrs = by({0, 2})},
          {.inputs = {{.shape = {0, 3}}}, .attrs = by({2, 2})},
          {.inputs = {{.shape = {512, 512}}}, .attrs = by({2, 2}), .bench = true}};
}

}  // namespace

OpDef tile_op() {
  return {
      .name = "tile",
      .doc = "repeats the whole tensor dims[i] times along dim i; dims or shape get ones in front",
      .inputs = {{"input"}},
      .attributes = {{"dims", AttrType::integers, {}, true}},
      .dtypes = all_types,
      .composite = composite,
      .samples = samples};
}

}  // namespace gradus
