// SPDX-License-Identifier: Apache-2.0
// conv1d ... conv_transpose3d: PyTorch's functions as composites of the convolution kernels.
#include "engine/base/error.h"
#include "ops/convolution_support.h"
#include "ops/ops.h"

namespace gradus {
namespace {

using Integers = std::vector<int64_t>;

// The input with a batch dim.
Value batched(Value input, int spatial, std::string_view op) {
  GRADUS_CHECK(input.rank() == spatial + 1 || input.rank() == spatial + 2,
               "[{}] input, expected {} or {} dims, got {}", op, spatial + 1, spatial + 2,
               to_string(input.shape()));
  return input.rank() == spatial + 1 ? unsqueeze(input, 0) : input;
}

// The result of batched() as the caller gave it.
Value unbatched(Value output, const Value& input, int spatial) {
  if (input.rank() != spatial + 1) return output;
  Shape shape = output.shape();
  shape.erase(0);
  return reshape(output, shape);
}

struct Padding {
  Integers begin, end;
};

Padding padding_of(const Attrs& attrs, const Value& weight, int spatial, std::string_view op) {
  const AttrValue& value = attrs.find("padding");
  if (const auto* list = value.as<Integers>()) return {*list, *list};
  const std::string& text = attrs.text("padding");
  const Integers none(static_cast<size_t>(spatial), 0);
  if (text == "valid") return {none, none};
  GRADUS_CHECK(text == "same",
               "[{}] attribute 'padding', expected numbers, 'same' or 'valid', got "
               "'{}'",
               op, text);
  for (int64_t stride : attrs.integers("stride"))
    GRADUS_CHECK(stride == 1, "[{}] padding 'same' needs stride 1, got {}", op, stride);
  const Integers dilation = expand_list(attrs.integers("dilation"), spatial, op, "dilation");
  Padding padding{none, none};
  for (size_t d = 0; d < dilation.size(); ++d) {
    GRADUS_CHECK(dilation[d] >= 1 && dilation[d] <= (int64_t{1} << 31),
                 "[{}] attribute 'dilation', expected 1 to 2^31, got {}", op, dilation[d]);
    const int64_t total = dilation[d] * (weight.shape()[2 + static_cast<int>(d)] - 1);
    padding.begin[d] = total / 2;
    padding.end[d] = total - total / 2;
  }
  return padding;
}

// Spatial sizes whose convolution gives `input`; output_padding says which of several.
Shape transposed_size(const Value& input, const Value& weight, const Attrs& attrs,
                      const Integers& padding, const Integers& output_padding, int spatial,
                      std::string_view op) {
  const Integers stride = expand_list(attrs.integers("stride"), spatial, op, "stride");
  const Integers dilation = expand_list(attrs.integers("dilation"), spatial, op, "dilation");
  Shape size;
  for (size_t d = 0; d < stride.size(); ++d) {
    const int dim = 2 + static_cast<int>(d);
    for (int64_t number : {stride[d], dilation[d], padding[d], output_padding[d]})
      GRADUS_CHECK(number >= 0 && number <= (int64_t{1} << 31),
                   "[{}] attributes, expected numbers from 0 to 2^31, got {}", op, number);
    GRADUS_CHECK(
        output_padding[d] < std::max(stride[d], dilation[d]),
        "[{}] attribute 'output_padding', expected less than stride ({}) or dilation ({}), "
        "got {}",
        op, stride[d], dilation[d], output_padding[d]);
    const int64_t length = (input.shape()[dim] - 1) * stride[d] - 2 * padding[d] +
                           dilation[d] * (weight.shape()[dim] - 1) + output_padding[d] + 1;
    GRADUS_CHECK(length >= 1, "[{}] output size, expected at least 1, got {} in spatial dim {}", op,
                 length, d);
    size.push_back(length);
  }
  return size;
}

void check_weight(const Value& weight, int spatial, std::string_view op) {
  GRADUS_CHECK(weight.rank() == spatial + 2, "[{}] weight, expected {} dims, got {}", op,
               spatial + 2, to_string(weight.shape()));
}

Value add_bias(Value output, const Value& bias, int spatial, std::string_view op) {
  if (!bias) return output;
  GRADUS_CHECK(bias.shape() == Shape{output.shape()[1]}, "[{}] bias, expected ({}), got {}", op,
               output.shape()[1], to_string(bias.shape()));
  Shape shape = bias.shape();
  for (int d = 0; d < spatial; ++d) shape.push_back(1);
  return output + reshape(bias, shape);
}

}  // namespace

std::vector<AttrSpec> conv_attributes() {
  return {{"stride", AttrType::integers, 1},
          {"padding", AttrType::integers_or_text, 0},
          {"dilation", AttrType::integers, 1},
          {"groups", AttrType::integer, 1}};
}

std::vector<Value> conv(std::span<const Value> in, const Attrs& attrs, int spatial,
                        std::string_view op) {
  const Value input = batched(in[0], spatial, op), weight = in[1];
  check_weight(weight, spatial, op);
  const Padding padding = padding_of(attrs, weight, spatial, op);
  AttrList list = {{"stride", attrs.find("stride")},
                   {"padding", padding.begin},
                   {"dilation", attrs.find("dilation")},
                   {"groups", attrs.find("groups")}};
  if (padding.begin != padding.end) list.emplace_back("padding_end", padding.end);
  const Value output = apply1("convolution", {input, weight, in[2]}, list);
  return {unbatched(output, in[0], spatial)};
}

std::vector<AttrSpec> conv_transpose_attributes() {
  return {{"stride", AttrType::integers, 1},
          {"padding", AttrType::integers, 0},
          {"output_padding", AttrType::integers, 0},
          {"groups", AttrType::integer, 1},
          {"dilation", AttrType::integers, 1}};
}

std::vector<Value> conv_transpose(std::span<const Value> in, const Attrs& attrs, int spatial,
                                  std::string_view op) {
  const Value input = batched(in[0], spatial, op), weight = in[1];
  check_weight(weight, spatial, op);
  const Integers padding = expand_list(attrs.integers("padding"), spatial, op, "padding");
  const Integers extra =
      expand_list(attrs.integers("output_padding"), spatial, op, "output_padding");
  const Shape size = transposed_size(input, weight, attrs, padding, extra, spatial, op);
  // The convolution back to `input` must not see the extra rows as more output.
  Integers end = padding;
  for (size_t d = 0; d < end.size(); ++d) end[d] -= extra[d];
  const Value output = apply1("convolution_backward_input", {input, weight},
                              {{"input_size", size},
                               {"stride", attrs.find("stride")},
                               {"padding", padding},
                               {"padding_end", end},
                               {"dilation", attrs.find("dilation")},
                               {"groups", attrs.find("groups")}});
  return {unbatched(add_bias(output, in[2], spatial, op), in[0], spatial)};
}

}  // namespace gradus
