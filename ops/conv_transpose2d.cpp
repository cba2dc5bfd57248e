// SPDX-License-Identifier: Apache-2.0
#include "ops/convolution_support.h"
#include "ops/op_list.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  return conv_transpose(in, attrs, 2, "conv_transpose2d");
}

std::vector<Sample> samples() {
  using List = AttrValue::Integers;
  const SampleInput x{.shape = {2, 4, 4, 3}}, weight{.shape = {4, 3, 3, 2}}, bias{.shape = {3}};
  const SampleInput none = SampleInput::absent(), bias6{.shape = {6}};
  return {{.inputs = {x, weight, bias}},
          {.inputs = {{.shape = {4, 4, 3}}, weight, none}},
          {.inputs = {x, weight, bias6},
           .attrs = {{"stride", List{3, 2}},
                     {"padding", List{1, 1}},
                     {"output_padding", List{2, 1}},
                     {"groups", 2}}},
          {.inputs = {x, weight, none}, .attrs = {{"dilation", 2}, {"output_padding", 1}}},
          {.inputs = {{.shape = {1, 1, 1, 1}}, {.shape = {1, 1, 1, 1}}, {.shape = {1}}}},
          {.inputs = {{.shape = {0, 4, 4, 3}}, weight, bias}},
          {.inputs = {{.shape = {16, 64, 14, 14}}, {.shape = {64, 32, 4, 4}}, none},
           .attrs = {{"stride", 2}, {"padding", 1}},
           .bench = true}};
}

}  // namespace

OpDef conv_transpose2d_op() {
  return {.name = "conv_transpose2d",
          .doc =
              "the adjoint of conv2d, weight (in, out / groups, kernel); output_padding chooses "
              "among the sizes that conv2d takes to the input's",
          .inputs = {{"input"}, {"weight"}, {"bias", InputKind::optional}},
          .attributes = conv_transpose_attributes(),
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
