// SPDX-License-Identifier: Apache-2.0
#include "ops/op_list.h"
#include "ops/pooling_support.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  return max_pool(in, attrs, 3, "max_pool3d");
}

std::vector<Sample> samples() {
  using List = AttrValue::Integers;
  const SampleInput x{.shape = {2, 3, 4, 5, 3}, .fill = Fill::distinct};
  return {
      {.inputs = {x}, .attrs = {{"kernel_size", 2}}},
      {.inputs = {{.shape = {3, 4, 5, 3}, .fill = Fill::distinct}},
       .attrs = {{"kernel_size", List{3, 2, 2}}, {"stride", 2}}},
      {.inputs = {x},
       .attrs =
           {{"kernel_size", 3}, {"stride", List{2, 1, 1}}, {"padding", 1}, {"ceil_mode", true}}},
      {.inputs = {x}, .attrs = {{"kernel_size", 2}, {"stride", 1}, {"dilation", List{2, 1, 1}}}},
      {.inputs = {{.shape = {1, 1, 1, 1, 1}}}, .attrs = {{"kernel_size", 1}}},
      {.inputs = {{.shape = {0, 3, 4, 5, 3}}}, .attrs = {{"kernel_size", 2}}},
      {.inputs = {{.shape = {4, 16, 16, 16, 16}}}, .attrs = {{"kernel_size", 2}}, .bench = true}};
}

}  // namespace

OpDef max_pool3d_op() {
  return {.name = "max_pool3d",
          .doc =
              "the largest value of each window over the last 3 dims, and its index there, "
              "flattened; the first of equal values wins, NaN wins",
          .inputs = {{"input"}},
          .outputs = {"output", "indices"},
          .attributes = max_pool_attributes(),
          .dtypes = number_types,
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
