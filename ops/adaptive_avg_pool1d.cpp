// SPDX-License-Identifier: Apache-2.0
#include "ops/op_list.h"
#include "ops/pooling_support.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  return adaptive_pool("adaptive_avg_pool", in, attrs, 1, "adaptive_avg_pool1d");
}

std::vector<Sample> samples() {
  const SampleInput x{.shape = {2, 3, 7}};
  return {{.inputs = {x}, .attrs = {{"output_size", 2}}},
          {.inputs = {{.shape = {3, 7}}}, .attrs = {{"output_size", AttrValue::Integers{3}}}},
          {.inputs = {{.shape = {1, 1, 1}}}, .attrs = {{"output_size", 1}}},
          {.inputs = {{.shape = {0, 3, 7}}}, .attrs = {{"output_size", 2}}},
          {.inputs = {{.shape = {32, 64, 1024}}}, .attrs = {{"output_size", 4}}, .bench = true}};
}

}  // namespace

OpDef adaptive_avg_pool1d_op() {
  return {.name = "adaptive_avg_pool1d",
          .doc = "the means of windows that split the last dim into output_size parts",
          .inputs = {{"input"}},
          .attributes = {{"output_size", AttrType::integers, {}, true}},
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
