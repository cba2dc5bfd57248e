// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "ops/op_list.h"
#include "ops/ops.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const Shape& shape = in[0].shape();
  std::array<bool, Shape::max_rank> chosen{};
  chosen.fill(!attrs.has("dim"));
  if (attrs.has("dim"))
    for (int64_t dim : attrs.integers("dim"))
      chosen[static_cast<size_t>(normalize_dim(dim, shape.rank(), "squeeze"))] = true;
  Shape result;
  for (int d = 0; d < shape.rank(); ++d)
    if (shape[d] != 1 || !chosen[static_cast<size_t>(d)]) result.push_back(shape[d]);
  return {reshape(in[0], result)};
}

std::vector<Sample> samples() {
  return {{.inputs = {{.shape = {1, 3, 1}}}},
          {.inputs = {{.shape = {1, 3, 1}}}, .attrs = {{"dim", -1}}},
          {.inputs = {{.shape = {1, 3, 1, 5}}}, .attrs = {{"dim", AttrValue::Integers{0, 1, 2}}}},
          {.inputs = {{.shape = {}}}, .attrs = {{"dim", 0}}},
          {.inputs = {{.shape = {1}}}},
          {.inputs = {{.shape = {0, 1}}}}};
}

}  // namespace

OpDef squeeze_op() {
  return {.name = "squeeze",
          .doc = "drops dims of size 1: all, or those named by dim",
          .inputs = {{"input"}},
          .attributes = {{"dim", AttrType::integers}},
          .dtypes = all_types,
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
