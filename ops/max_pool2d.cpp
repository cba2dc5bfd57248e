// SPDX-License-Identifier: Apache-2.0
#include "ops/op_list.h"
#include "ops/pooling_support.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  return max_pool(in, attrs, 2, "max_pool2d");
}

std::vector<Sample> samples() {
  using List = AttrValue::Integers;
  const SampleInput x{.shape = {2, 3, 6, 5}, .fill = Fill::distinct};
  return {
      {.inputs = {x}, .attrs = {{"kernel_size", 2}}},
      {.inputs = {{.shape = {3, 6, 5}, .fill = Fill::distinct}},
       .attrs = {{"kernel_size", List{3, 2}}, {"stride", 2}}},
      {.inputs = {x},
       .attrs = {{"kernel_size", 3}, {"stride", List{2, 1}}, {"padding", 1}, {"ceil_mode", true}}},
      {.inputs = {x}, .attrs = {{"kernel_size", 2}, {"stride", 1}, {"dilation", List{2, 1}}}},
      {.inputs = {{.shape = {1, 1, 1, 1}}}, .attrs = {{"kernel_size", 1}}},
      {.inputs = {{.shape = {0, 3, 6, 5}}}, .attrs = {{"kernel_size", 2}}},
      {.inputs = {{.shape = {32, 64, 28, 28}}}, .attrs = {{"kernel_size", 2}}, .bench = true}};
}

}  // namespace

OpDef max_pool2d_op() {
  return {.name = "max_pool2d",
          .doc =
              "the largest value of each window over the last 2 dims, and its index there, "
              "flattened; the first of equal values wins, NaN wins",
          .inputs = {{"input"}},
          .outputs = {"output", "indices"},
          .attributes = max_pool_attributes(),
          .dtypes = number_types,
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
