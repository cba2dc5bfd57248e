// SPDX-License-Identifier: Apache-2.0
#include "ops/convolution_support.h"

#include "engine/base/error.h"
#include "ops/ops.h"

namespace gradus {
namespace {

using kernels::ConvolutionShape;

// Keeps products of attributes and sizes far from overflow.
constexpr int64_t largest_number = int64_t{1} << 31;

// Entry d of a list attribute, one entry serving all; kernels' arguments are made of it on every
// run, so it must not allocate.
int64_t entry(const std::vector<int64_t>& list, int d, int spatial, int64_t least,
              std::string_view op, std::string_view name) {
  GRADUS_CHECK(list.size() == 1 || static_cast<int>(list.size()) == spatial,
               "[{}] attribute '{}', expected 1 or {} numbers, got {}", op, name, spatial,
               list.size());
  const int64_t value = list.size() == 1 ? list[0] : list[static_cast<size_t>(d)];
  GRADUS_CHECK(value >= least && value <= largest_number,
               "[{}] attribute '{}', expected at least {} and at most 2^31, got {}", op, name,
               least, value);
  return value;
}

void set_channels(ConvolutionShape& s, const Shape& input, const Shape& weight, const Attrs& attrs,
                  std::string_view op) {
  const int spatial = input.rank() - 2;
  GRADUS_CHECK(spatial >= 1 && spatial <= 3,
               "[{}] input, expected a batch, channels and 1 to 3 spatial dims, got {}", op,
               to_string(input));
  GRADUS_CHECK(weight.rank() == input.rank(),
               "[{}] weight, expected {} dims (out, in / groups, kernel), got {}", op, input.rank(),
               to_string(weight));
  s.groups = attrs.integer("groups");
  GRADUS_CHECK(s.groups >= 1, "[{}] attribute 'groups', expected at least 1, got {}", op, s.groups);
  s.channels_last = attrs.boolean("channels_last");
  s.batch = input[0];
  s.in_channels = activation_channels(input, attrs);
  s.out_channels = weight[0];
  GRADUS_CHECK(s.in_channels % s.groups == 0 && weight[1] == s.in_channels / s.groups,
               "[{}] channels, expected groups ({}) times weight's dim 1 ({}), got {}", op,
               s.groups, weight[1], s.in_channels);
  GRADUS_CHECK(s.out_channels % s.groups == 0,
               "[{}] out channels, expected a multiple of groups ({}), got {}", op, s.groups,
               s.out_channels);
}

void set_spatial(ConvolutionShape& s, int d, int spatial, const Shape& input, const Shape& weight,
                 const Attrs& attrs, std::string_view op) {
  const size_t at = static_cast<size_t>(3 - spatial + d);
  s.input[at] = input[s.channels_last ? 1 + d : 2 + d];
  s.kernel[at] = weight[2 + d];
  s.stride[at] = entry(attrs.integers("stride"), d, spatial, 1, op, "stride");
  s.dilation[at] = entry(attrs.integers("dilation"), d, spatial, 1, op, "dilation");
  s.padding[at] = entry(attrs.integers("padding"), d, spatial, 0, op, "padding");
  const int64_t end = attrs.has("padding_end") ? entry(attrs.integers("padding_end"), d, spatial,
                                                       -largest_number, op, "padding_end")
                                               : s.padding[at];
  GRADUS_CHECK(
      s.kernel[at] >= 1 && s.kernel[at] <= largest_number && s.input[at] <= largest_number,
      "[{}] sizes, expected a kernel of at least 1 and at most 2^31 elements, got input {} "
      "and weight {}",
      op, to_string(input), to_string(weight));
  const int64_t reach = s.dilation[at] * (s.kernel[at] - 1) + 1;
  const int64_t padded = s.input[at] + s.padding[at] + end;
  GRADUS_CHECK(padded >= reach,
               "[{}] spatial dim {}, expected an input as long as the kernel's reach ({}), got {} "
               "with padding",
               op, d, reach, padded);
  s.output[at] = (padded - reach) / s.stride[at] + 1;
}

}  // namespace

std::vector<AttrSpec> convolution_attributes() {
  return {{"stride", AttrType::integers, 1},   {"padding", AttrType::integers, 0},
          {"padding_end", AttrType::integers}, {"dilation", AttrType::integers, 1},
          {"groups", AttrType::integer, 1},    {"channels_last", AttrType::boolean, false}};
}

Shape activation_shape(int64_t batch, int64_t channels, std::span<const int64_t> sizes,
                       bool channels_last) {
  Shape shape = {batch};
  if (!channels_last) shape.push_back(channels);
  for (const int64_t size : sizes) shape.push_back(size);
  if (channels_last) shape.push_back(channels);
  return shape;
}

int64_t activation_channels(const Shape& shape, const Attrs& attrs) {
  return shape[attrs.boolean("channels_last") ? shape.rank() - 1 : 1];
}

Shape activation_sizes(const Shape& shape, const Attrs& attrs) {
  const size_t first = attrs.boolean("channels_last") ? 1 : 2;
  return Shape(shape.sizes().subspan(first, static_cast<size_t>(shape.rank() - 2)));
}

std::vector<int64_t> activation_dims(const Shape& shape, const Attrs& attrs) {
  const int channels = attrs.boolean("channels_last") ? shape.rank() - 1 : 1;
  std::vector<int64_t> dims;
  for (int d = 0; d < shape.rank(); ++d)
    if (d != channels) dims.push_back(d);
  return dims;
}

ConvolutionShape convolution_shape(const Shape& input, const Shape& weight, const Attrs& attrs,
                                   std::string_view op) {
  ConvolutionShape s;
  set_channels(s, input, weight, attrs, op);
  const int spatial = input.rank() - 2;
  for (int d = 0; d < spatial; ++d) set_spatial(s, d, spatial, input, weight, attrs, op);
  // No memory holds so many; kernels count workspaces in multiples of them.
  constexpr double most_positions = 0x1p48;
  double positions = 1;
  for (const int64_t size : s.output) positions *= static_cast<double>(size);
  GRADUS_CHECK(positions <= most_positions,
               "[{}] output, expected at most 2^48 positions, got {:g}", op, positions);
  return s;
}

Shape convolution_output(const ConvolutionShape& shape, int spatial) {
  const std::span<const int64_t> sizes(shape.output);
  const Shape result =
      activation_shape(shape.batch, shape.out_channels, sizes.last(static_cast<size_t>(spatial)),
                       shape.channels_last);
  (void)result.numel();
  return result;
}

void add_channels_last(std::vector<Sample>& list, size_t activations) {
  for (size_t i = 0, count = list.size(); i < count; ++i) {
    Sample sample = list[i];
    for (size_t input = 0; input < activations; ++input) {
      const Shape plain = sample.inputs[input].shape;
      sample.inputs[input].shape =
          activation_shape(plain[0], plain[1], plain.sizes().subspan(2), true);
    }
    sample.attrs.emplace_back("channels_last", true);
    list.push_back(std::move(sample));
  }
}

void check_sizes(const std::vector<int64_t>& list, int spatial, std::string_view op,
                 std::string_view attribute) {
  GRADUS_CHECK(static_cast<int>(list.size()) == spatial,
               "[{}] attribute '{}', expected {} numbers, got {}", op, attribute, spatial,
               list.size());
  for (int d = 0; d < spatial; ++d) (void)entry(list, d, spatial, 0, op, attribute);
}

AttrList with_size(const Attrs& attrs, std::string_view name, const Shape& size) {
  AttrList list = {{name, size}};
  for (const AttrSpec& spec : convolution_attributes())
    list.emplace_back(spec.name, attrs.find(spec.name));
  return list;
}

}  // namespace gradus
