// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "ops/op_list.h"
#include "ops/ops.h"

namespace gradus {
namespace {

Value roll_dim(Value x, int64_t shift, int64_t dim) {
  const int d = normalize_dim(dim, x.rank(), "roll");
  if (x.rank() == 0 || x.shape()[d] == 0) return x;
  const int64_t size = x.shape()[d];
  const int64_t cut = size - ((shift % size) + size) % size;  // the first element afterwards
  if (cut == size) return x;
  return apply1("cat",
                {apply1("slice", {x}, {{"dim", d}, {"start", cut}}),
                 apply1("slice", {x}, {{"dim", d}, {"end", cut}})},
                {{"dim", d}});
}

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const std::vector<int64_t>& shifts = attrs.integers("shifts");
  Value x = in[0];
  if (!attrs.has("dims") || attrs.integers("dims").empty()) {
    GRADUS_CHECK(shifts.size() == 1,
                 "[roll] attribute 'shifts', expected one number without 'dims', got {}",
                 shifts.size());
    return {reshape(roll_dim(reshape(x, {x.spec().numel()}), shifts[0], 0), x.shape())};
  }
  const std::vector<int64_t>& dims = attrs.integers("dims");
  GRADUS_CHECK(x.rank() > 0, "[roll] attribute 'dims', a scalar has none");
  GRADUS_CHECK(shifts.size() == dims.size(),
               "[roll] attribute 'shifts', expected {} numbers as in 'dims', got {}", dims.size(),
               shifts.size());
  for (size_t i = 0; i < dims.size(); ++i) x = roll_dim(x, shifts[i], dims[i]);
  return {x};
}

std::vector<Sample> samples() {
  return {
      {.inputs = {{.shape = {3, 5}}}, .attrs = {{"shifts", 4}}},
      {.inputs = {{.shape = {3, 5}}}, .attrs = {{"shifts", -7}, {"dims", 1}}},
      {.inputs = {{.shape = {2, 3, 4}}},
       .attrs = {{"shifts", AttrValue::Integers{1, 2}}, {"dims", AttrValue::Integers{0, -1}}}},
      {.inputs = {{.shape = {}}}, .attrs = {{"shifts", 1}}},
      {.inputs = {{.shape = {1}}}, .attrs = {{"shifts", 3}}},
      {.inputs = {{.shape = {0, 3}}}, .attrs = {{"shifts", 1}, {"dims", 0}}},
      {.inputs = {{.shape = {1024, 1024}}}, .attrs = {{"shifts", 5}, {"dims", 1}}, .bench = true}};
}

}  // namespace

OpDef roll_op() {
  return {.name = "roll",
          .doc =
              "moves elements by shifts along dims, those pushed off one end enter at the other; "
              "without dims the tensor is seen flat",
          .inputs = {{"input"}},
          .attributes = {{"shifts", AttrType::integers, {}, true}, {"dims", AttrType::integers}},
          .dtypes = all_types,
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
