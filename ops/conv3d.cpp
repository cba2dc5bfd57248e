// SPDX-License-Identifier: Apache-2.0
#include "ops/convolution_support.h"
#include "ops/op_list.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  return conv(in, attrs, 3, "conv3d");
}

std::vector<Sample> samples() {
  using List = AttrValue::Integers;
  const SampleInput x{.shape = {2, 4, 4, 5, 3}}, weight{.shape = {4, 4, 2, 3, 2}},
      bias{.shape = {4}};
  const SampleInput grouped{.shape = {4, 2, 2, 3, 2}}, none = SampleInput::absent();
  return {
      {.inputs = {x, weight, bias}},
      {.inputs = {{.shape = {4, 4, 5, 3}}, weight, none}},
      {.inputs = {x, grouped, none},
       .attrs = {{"stride", List{2, 1, 1}}, {"padding", List{1, 1, 2}}, {"groups", 2}}},
      {.inputs = {x, weight, none}, .attrs = {{"padding", "same"}, {"dilation", List{1, 1, 2}}}},
      {.inputs = {x, weight, bias}, .attrs = {{"padding", "valid"}, {"stride", 2}}},
      {.inputs = {{.shape = {1, 1, 1, 1, 1}}, {.shape = {1, 1, 1, 1, 1}}, {.shape = {1}}}},
      {.inputs = {{.shape = {0, 4, 4, 5, 3}}, weight, bias}},
      {.inputs = {{.shape = {4, 16, 16, 16, 16}}, {.shape = {16, 16, 3, 3, 3}}, {.shape = {16}}},
       .attrs = {{"padding", 1}},
       .bench = true}};
}

}  // namespace

OpDef conv3d_op() {
  return {.name = "conv3d",
          .doc =
              "cross-correlation over a volume (depth, height, width); padding is numbers, 'same' "
              "(an odd rest goes "
              "to the end) or 'valid'; input with or without a batch dim",
          .inputs = {{"input"}, {"weight"}, {"bias", InputKind::optional}},
          .attributes = conv_attributes(),
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
