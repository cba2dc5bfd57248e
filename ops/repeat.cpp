// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "ops/op_list.h"
#include "ops/ops.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const std::vector<int64_t>& repeats = attrs.integers("repeats");
  GRADUS_CHECK(repeats.size() >= static_cast<size_t>(in[0].rank()),
               "[repeat] attribute 'repeats', expected at least {} numbers, got {}", in[0].rank(),
               repeats.size());
  return apply("tile", {in[0]}, {{"dims", repeats}});
}

std::vector<Sample> samples() {
  const auto by = [](AttrValue::Integers list) { return AttrList{{"repeats", std::move(list)}}; };
  return {{.inputs = {{.shape = {2, 3}}}, .attrs = by({2, 1})},
          {.inputs = {{.shape = {3}}}, .attrs = by({2, 2, 3})},
          {.inputs = {{.shape = {}}}, .attrs = by({})},
          {.inputs = {{.shape = {1}}}, .attrs = by({5})},
          {.inputs = {{.shape = {0, 3}}}, .attrs = by({2, 2})},
          {.inputs = {{.shape = {512, 512}}}, .attrs = by({2, 2}), .bench = true}};
}

}  // namespace

OpDef repeat_op() {
  return {.name = "repeat",
          .doc = "the tensor repeats[i] times along dim i; needs a number for every dim (see tile)",
          .inputs = {{"input"}},
          .attributes = {{"repeats", AttrType::integers, {}, true}},
          .dtypes = all_types,
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
