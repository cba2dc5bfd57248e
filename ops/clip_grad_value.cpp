// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "ops/op_list.h"
#include "ops/ops.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const double limit = attrs.real("clip_value");
  GRADUS_CHECK(limit >= 0.0,
               "[clip_grad_value] attribute 'clip_value', expected at least 0, got {}", limit);
  std::vector<Value> result;
  for (const Value& x : in) result.push_back(clamp(x, {{"min", -limit}, {"max", limit}}));
  return result;
}

std::vector<Sample> samples() {
  const auto input = [](const Shape& shape) {
    return SampleInput{.shape = shape, .fill = Fill::distinct, .lo = -1, .hi = 1};
  };
  return {{.inputs = {input({3, 5}), input({7}), input({2})}, .attrs = {{"clip_value", 0.523}}},
          {.inputs = {input({})}, .attrs = {{"clip_value", 0.111}}},
          {.inputs = {input({1})}, .attrs = {{"clip_value", 2.0}}},
          {.inputs = {input({0, 3})}, .attrs = {{"clip_value", 1.0}}},
          {.inputs = {{.shape = {1024, 512}}, {.shape = {512}}},
           .attrs = {{"clip_value", 0.5}},
           .bench = true}};
}

}  // namespace

OpDef clip_grad_value_op() {
  return {.name = "clip_grad_value",
          .doc = "each element of each tensor clamped to [-clip_value, clip_value]",
          .inputs = {{"tensors", InputKind::variadic}},
          .outputs = {"output..."},
          .attributes = {{"clip_value", AttrType::real, {}, true}},
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
