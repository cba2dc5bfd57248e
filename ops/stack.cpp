// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "ops/op_list.h"
#include "ops/ops.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const int dim = normalize_dim(attrs.integer("dim"), in[0].rank() + 1, "stack");
  std::vector<Value> parts;
  for (size_t i = 0; i < in.size(); ++i) {
    GRADUS_CHECK(in[i].shape() == in[0].shape(), "[stack] input {} shape, expected {}, got {}", i,
                 to_string(in[0].shape()), to_string(in[i].shape()));
    parts.push_back(unsqueeze(in[i], dim));
  }
  return {apply1("cat", parts, {{"dim", dim}})};
}

std::vector<Sample> samples() {
  return {
      {.inputs = {{.shape = {2, 3}}, {.shape = {2, 3}}}},
      {.inputs = {{.shape = {2, 3}}, {.shape = {2, 3}}, {.shape = {2, 3}}}, .attrs = {{"dim", -1}}},
      {.inputs = {{.shape = {}}, {.shape = {}}}},
      {.inputs = {{.shape = {1}}}, .attrs = {{"dim", 1}}},
      {.inputs = {{.shape = {0, 2}}, {.shape = {0, 2}}}, .attrs = {{"dim", 1}}},
      {.inputs = {{.shape = {512, 512}}, {.shape = {512, 512}}},
       .attrs = {{"dim", 1}},
       .bench = true}};
}

}  // namespace

OpDef stack_op() {
  return {.name = "stack",
          .doc = "joins tensors of one shape along a new dim",
          .inputs = {{"tensors", InputKind::variadic}},
          .attributes = {{"dim", AttrType::integer, 0}},
          .dtypes = all_types,
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
