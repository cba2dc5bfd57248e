// SPDX-License-Identifier: Apache-2.0
#include "ops/op_list.h"
#include "ops/pooling_support.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  return avg_pool(in, attrs, 1, "avg_pool1d");
}

std::vector<Sample> samples() {
  using List = AttrValue::Integers;
  const SampleInput x{.shape = {2, 3, 7}};
  return {
      {.inputs = {x}, .attrs = {{"kernel_size", 2}}},
      {.inputs = {{.shape = {3, 7}}}, .attrs = {{"kernel_size", List{3}}, {"stride", 2}}},
      {.inputs = {x},
       .attrs = {{"kernel_size", 3}, {"stride", List{2}}, {"padding", 1}, {"ceil_mode", true}}},
      {.inputs = {x}, .attrs = {{"kernel_size", 2}, {"stride", 1}, {"count_include_pad", false}}},
      {.inputs = {{.shape = {1, 1, 1}}}, .attrs = {{"kernel_size", 1}}},
      {.inputs = {{.shape = {0, 3, 7}}}, .attrs = {{"kernel_size", 2}}},
      {.inputs = {{.shape = {32, 64, 1024}}}, .attrs = {{"kernel_size", 2}}, .bench = true}};
}

}  // namespace

OpDef avg_pool1d_op() {
  return {.name = "avg_pool1d",
          .doc = "the mean of each window over the last dim",
          .inputs = {{"input"}},
          .attributes = avg_pool_attributes(1),
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
