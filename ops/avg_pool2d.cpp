// SPDX-License-Identifier: Apache-2.0
#include "ops/op_list.h"
#include "ops/pooling_support.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  return avg_pool(in, attrs, 2, "avg_pool2d");
}

std::vector<Sample> samples() {
  using List = AttrValue::Integers;
  const SampleInput x{.shape = {2, 3, 6, 5}};
  return {
      {.inputs = {x}, .attrs = {{"kernel_size", 2}}},
      {.inputs = {{.shape = {3, 6, 5}}}, .attrs = {{"kernel_size", List{3, 2}}, {"stride", 2}}},
      {.inputs = {x},
       .attrs = {{"kernel_size", 3}, {"stride", List{2, 1}}, {"padding", 1}, {"ceil_mode", true}}},
      {.inputs = {x},
       .attrs = {{"kernel_size", 2},
                 {"stride", 1},
                 {"count_include_pad", false},
                 {"divisor_override", 5}}},
      {.inputs = {{.shape = {1, 1, 1, 1}}}, .attrs = {{"kernel_size", 1}}},
      {.inputs = {{.shape = {0, 3, 6, 5}}}, .attrs = {{"kernel_size", 2}}},
      {.inputs = {{.shape = {32, 64, 28, 28}}}, .attrs = {{"kernel_size", 2}}, .bench = true}};
}

}  // namespace

OpDef avg_pool2d_op() {
  return {.name = "avg_pool2d",
          .doc = "the mean of each window over the last 2 dims",
          .inputs = {{"input"}},
          .attributes = avg_pool_attributes(2),
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
