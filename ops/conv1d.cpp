// SPDX-License-Identifier: Apache-2.0
#include "ops/convolution_support.h"
#include "ops/op_list.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  return conv(in, attrs, 1, "conv1d");
}

std::vector<Sample> samples() {
  using List = AttrValue::Integers;
  const SampleInput x{.shape = {2, 4, 7}}, weight{.shape = {4, 4, 3}}, bias{.shape = {4}};
  const SampleInput grouped{.shape = {4, 2, 3}}, none = SampleInput::absent();
  return {{.inputs = {x, weight, bias}},
          {.inputs = {{.shape = {4, 7}}, weight, none}},
          {.inputs = {x, grouped, none},
           .attrs = {{"stride", List{2}}, {"padding", List{2}}, {"groups", 2}}},
          {.inputs = {x, weight, none}, .attrs = {{"padding", "same"}, {"dilation", List{2}}}},
          {.inputs = {x, weight, bias}, .attrs = {{"padding", "valid"}, {"stride", 2}}},
          {.inputs = {{.shape = {1, 1, 1}}, {.shape = {1, 1, 1}}, {.shape = {1}}}},
          {.inputs = {{.shape = {0, 4, 7}}, weight, bias}},
          {.inputs = {{.shape = {32, 64, 256}}, {.shape = {64, 64, 3}}, {.shape = {64}}},
           .attrs = {{"padding", 1}},
           .bench = true}};
}

}  // namespace

OpDef conv1d_op() {
  return {.name = "conv1d",
          .doc =
              "cross-correlation over a sequence (length); padding is numbers, 'same' (an odd rest "
              "goes "
              "to the end) or 'valid'; input with or without a batch dim",
          .inputs = {{"input"}, {"weight"}, {"bias", InputKind::optional}},
          .attributes = conv_attributes(),
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
