// SPDX-License-Identifier: Apache-2.0
#include "ops/op_list.h"
#include "ops/ops.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  (void)normalize_dim(attrs.integer("dim0"), in[0].rank(), "transpose");
  (void)normalize_dim(attrs.integer("dim1"), in[0].rank(), "transpose");
  return {transpose(in[0], attrs.integer("dim0"), attrs.integer("dim1"))};
}

std::vector<Sample> samples() {
  const auto by = [](int a, int b) { return AttrList{{"dim0", a}, {"dim1", b}}; };
  return {{.inputs = {{.shape = {3, 5}}}, .attrs = by(0, 1)},
          {.inputs = {{.shape = {2, 3, 4}}}, .attrs = by(-1, 0)},
          {.inputs = {{.shape = {}}}, .attrs = by(0, -1)},
          {.inputs = {{.shape = {1}}}, .attrs = by(0, 0)},
          {.inputs = {{.shape = {0, 3}}}, .attrs = by(1, 0)},
          {.inputs = {{.shape = {1024, 1024}}}, .attrs = by(0, 1), .bench = true}};
}

}  // namespace

OpDef transpose_op() {
  return {
      .name = "transpose",
      .doc = "swaps two dims",
      .inputs = {{"input"}},
      .attributes = {{"dim0", AttrType::integer, {}, true}, {"dim1", AttrType::integer, {}, true}},
      .dtypes = all_types,
      .composite = composite,
      .samples = samples};
}

}  // namespace gradus
