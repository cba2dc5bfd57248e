// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "ops/movement.h"
#include "ops/op_list.h"
#include "ops/ops.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  GRADUS_CHECK(in[1].dtype() == DType::bool_,
               "[masked_fill] input 1 ('mask') dtype, expected bool, got {}",
               dtype_name(in[1].dtype()));
  const DType dtype = in[0].dtype();
  const Value value = in[0].graph().scalar(
      element_value("masked_fill", "value", attrs.real("value"), dtype), dtype);
  return {where(in[1], value, in[0])};
}

std::vector<Sample> samples() {
  const auto mask = [](const Shape& shape) {
    return SampleInput{
        .shape = shape, .dtype = DType::bool_, .fill = Fill::integers, .lo = 0, .hi = 2};
  };
  return {{.inputs = {{.shape = {3, 5}}, mask({3, 5})}, .attrs = {{"value", 1.5}}},
          {.inputs = {{.shape = {2, 3, 4}}, mask({3, 1})}, .attrs = {{"value", -2}}},
          {.inputs = {{.shape = {3, 1}}, mask({2, 1, 5})}, .attrs = {{"value", 0}}},
          {.inputs = {{.shape = {}}, mask({})}, .attrs = {{"value", 7}}},
          {.inputs = {{.shape = {1}}, mask({1})}, .attrs = {{"value", 7}}},
          {.inputs = {{.shape = {0, 3}}, mask({3})}, .attrs = {{"value", 1}}},
          {.inputs = {{.shape = {1024, 1024}}, mask({1024, 1024})},
           .attrs = {{"value", 0}},
           .bench = true}};
}

}  // namespace

OpDef masked_fill_op() {
  return {.name = "masked_fill",
          .doc = "value where mask, else input; both broadcast",
          .inputs = {{"input"}, {"mask", InputKind::required, false}},
          .attributes = {{"value", AttrType::real, {}, true}},
          .dtypes = all_types,
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
