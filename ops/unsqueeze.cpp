// SPDX-License-Identifier: Apache-2.0
#include "ops/op_list.h"
#include "ops/ops.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  return {unsqueeze(in[0], attrs.integer("dim"))};
}

std::vector<Sample> samples() {
  return {{.inputs = {{.shape = {3, 5}}}, .attrs = {{"dim", 1}}},
          {.inputs = {{.shape = {2, 3}}}, .attrs = {{"dim", -1}}},
          {.inputs = {{.shape = {}}}, .attrs = {{"dim", 0}}},
          {.inputs = {{.shape = {1}}}, .attrs = {{"dim", -2}}},
          {.inputs = {{.shape = {0, 3}}}, .attrs = {{"dim", 2}}}};
}

}  // namespace

OpDef unsqueeze_op() {
  return {.name = "unsqueeze",
          .doc = "adds a dim of size 1 in front of dim",
          .inputs = {{"input"}},
          .attributes = {{"dim", AttrType::integer, {}, true}},
          .dtypes = all_types,
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
