// SPDX-License-Identifier: Apache-2.0
#include "ops/convolution_support.h"
#include "ops/op_list.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  return conv_transpose(in, attrs, 1, "conv_transpose1d");
}

std::vector<Sample> samples() {
  using List = AttrValue::Integers;
  const SampleInput x{.shape = {2, 4, 4}}, weight{.shape = {4, 3, 3}}, bias{.shape = {3}};
  const SampleInput none = SampleInput::absent(), bias6{.shape = {6}};
  return {{.inputs = {x, weight, bias}},
          {.inputs = {{.shape = {4, 4}}, weight, none}},
          {.inputs = {x, weight, bias6},
           .attrs = {{"stride", List{3}},
                     {"padding", List{1}},
                     {"output_padding", List{2}},
                     {"groups", 2}}},
          {.inputs = {x, weight, none}, .attrs = {{"dilation", 2}, {"output_padding", 1}}},
          {.inputs = {{.shape = {1, 1, 1}}, {.shape = {1, 1, 1}}, {.shape = {1}}}},
          {.inputs = {{.shape = {0, 4, 4}}, weight, bias}},
          {.inputs = {{.shape = {32, 64, 128}}, {.shape = {64, 64, 4}}, none},
           .attrs = {{"stride", 2}, {"padding", 1}},
           .bench = true}};
}

}  // namespace

OpDef conv_transpose1d_op() {
  return {.name = "conv_transpose1d",
          .doc =
              "the adjoint of conv1d, weight (in, out / groups, kernel); output_padding chooses "
              "among the sizes that conv1d takes to the input's",
          .inputs = {{"input"}, {"weight"}, {"bias", InputKind::optional}},
          .attributes = conv_transpose_attributes(),
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
