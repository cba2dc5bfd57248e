// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "ops/op_list.h"
#include "ops/ops.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const Shape& shape = in[0].shape();
  const int first = normalize_dim(attrs.integer("start_dim"), shape.rank(), "flatten");
  const int last = normalize_dim(attrs.integer("end_dim"), shape.rank(), "flatten");
  GRADUS_CHECK(first <= last, "[flatten] start_dim {} comes after end_dim {}",
               attrs.integer("start_dim"), attrs.integer("end_dim"));
  if (shape.rank() == 0) return {reshape(in[0], {1})};
  Shape result;
  for (int d = 0; d < first; ++d) result.push_back(shape[d]);
  result.push_back(shape.product(first, last + 1));
  for (int d = last + 1; d < shape.rank(); ++d) result.push_back(shape[d]);
  return {reshape(in[0], result)};
}

std::vector<Sample> samples() {
  return {{.inputs = {{.shape = {3, 5}}}},
          {.inputs = {{.shape = {2, 3, 5}}}, .attrs = {{"start_dim", 1}}},
          {.inputs = {{.shape = {2, 3, 5, 2}}}, .attrs = {{"start_dim", -3}, {"end_dim", -2}}},
          {.inputs = {{.shape = {}}}},
          {.inputs = {{.shape = {1}}}},
          {.inputs = {{.shape = {2, 0, 3}}}, .attrs = {{"end_dim", 1}}}};
}

}  // namespace

OpDef flatten_op() {
  return {.name = "flatten",
          .doc = "makes one dim of the dims start_dim to end_dim; a scalar becomes (1)",
          .inputs = {{"input"}},
          .attributes = {{"start_dim", AttrType::integer, 0}, {"end_dim", AttrType::integer, -1}},
          .dtypes = all_types,
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
