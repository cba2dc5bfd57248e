// SPDX-License-Identifier: Apache-2.0
#include "ops/pooling_support.h"

#include "engine/base/error.h"
#include "ops/ops.h"

namespace gradus {
namespace {

using kernels::PoolShape;

constexpr int64_t largest_number = int64_t{1} << 31;

// Entry d of a list in which one number stands for all; calls of kernels make their arguments with
// it, so it must not allocate.
int64_t entry(const std::vector<int64_t>& list, int d, int64_t least, std::string_view op,
              std::string_view name) {
  const int64_t value = list.size() == 1 ? list[0] : list[static_cast<size_t>(d)];
  GRADUS_CHECK(value >= least && value <= largest_number,
               "[{}] attribute '{}', expected at least {} and at most 2^31, got {}", op, name,
               least, value);
  return value;
}

void check_input(const Shape& input, size_t spatial, bool channels_last, std::string_view op) {
  GRADUS_CHECK(spatial >= 1 && spatial <= 3, "[{}] expected 1 to 3 pooled dims, got {}", op,
               spatial);
  GRADUS_CHECK(input.rank() > static_cast<int>(spatial) + (channels_last ? 1 : 0),
               "[{}] input, expected more than {} dims, got {}", op,
               spatial + (channels_last ? 1 : 0), to_string(input));
  const int first = first_pooled_dim(input, static_cast<int>(spatial), channels_last);
  for (int d = first; d < first + static_cast<int>(spatial); ++d)
    GRADUS_CHECK(input[d] >= 1 && input[d] <= largest_number,
                 "[{}] input, expected pooled dims of 1 to 2^31 elements, got {}", op,
                 to_string(input));
}

bool has_attribute(const Attrs& attrs, std::string_view name) {
  for (const NamedAttr& attr : attrs.all())
    if (attr.first == name) return true;
  return false;
}

// Entry d of an optional list attribute, else `other`.
int64_t entry_or(const Attrs& attrs, std::string_view name, int d, size_t spatial, int64_t least,
                 int64_t other, std::string_view op) {
  if (!has_attribute(attrs, name) || !attrs.has(name)) return other;
  const std::vector<int64_t>& list = attrs.integers(name);
  GRADUS_CHECK(list.size() == 1 || list.size() == spatial,
               "[{}] attribute '{}', expected 1 or {} numbers, got {}", op, name, spatial,
               list.size());
  return entry(list, d, least, op, name);
}

PoolShape planes_and_lanes(const Shape& input, int first, bool channels_last) {
  PoolShape s;
  s.planes = input.product(0, first);
  if (channels_last) s.lanes = input[input.rank() - 1];
  return s;
}

// PyTorch's rule: with ceil_mode a last window may hang over the end, but must begin inside the
// input or the padding before it.
int64_t pooled_length(const PoolShape& s, size_t at, bool ceil_mode) {
  const int64_t reach = s.dilation[at] * (s.kernel[at] - 1) + 1;
  const int64_t room = s.input[at] + 2 * s.padding[at] - reach;
  if (room < 0 && (!ceil_mode || room + s.stride[at] - 1 < 0)) return 0;
  int64_t length = (room + (ceil_mode ? s.stride[at] - 1 : 0)) / s.stride[at] + 1;
  if (ceil_mode && (length - 1) * s.stride[at] >= s.input[at] + s.padding[at]) --length;
  return length;
}

}  // namespace

PoolShape window_pool_shape(const Shape& input, const Attrs& attrs, std::string_view op) {
  const std::vector<int64_t>& kernel = attrs.integers("kernel_size");
  const size_t spatial = kernel.size();
  const bool last = has_attribute(attrs, "channels_last") && attrs.boolean("channels_last");
  check_input(input, spatial, last, op);
  const int first = first_pooled_dim(input, static_cast<int>(spatial), last);
  PoolShape s = planes_and_lanes(input, first, last);
  for (int d = 0; d < static_cast<int>(spatial); ++d) {
    const size_t at = 3 - spatial + static_cast<size_t>(d);
    s.input[at] = input[first + d];
    s.kernel[at] = entry(kernel, d, 1, op, "kernel_size");
    s.stride[at] = entry_or(attrs, "stride", d, spatial, 1, s.kernel[at], op);
    s.padding[at] = entry_or(attrs, "padding", d, spatial, 0, 0, op);
    s.dilation[at] = entry_or(attrs, "dilation", d, spatial, 1, 1, op);
    const int64_t reach = s.dilation[at] * (s.kernel[at] - 1) + 1;
    GRADUS_CHECK(s.padding[at] <= s.kernel[at] / 2,
                 "[{}] attribute 'padding', expected at most half of kernel_size ({}), got {}", op,
                 s.kernel[at], s.padding[at]);
    s.output[at] = pooled_length(s, at, attrs.boolean("ceil_mode"));
    GRADUS_CHECK(s.output[at] >= 1,
                 "[{}] dim {}, expected at least {} elements with padding, got {}", op, first + d,
                 reach, s.input[at] + 2 * s.padding[at]);
  }
  return s;
}

PoolShape adaptive_pool_shape(const Shape& input, const std::vector<int64_t>& output_size,
                              bool channels_last, std::string_view op) {
  const size_t spatial = output_size.size();
  check_input(input, spatial, channels_last, op);
  const int first = first_pooled_dim(input, static_cast<int>(spatial), channels_last);
  PoolShape s = planes_and_lanes(input, first, channels_last);
  s.adaptive = true;
  for (int d = 0; d < static_cast<int>(spatial); ++d) {
    const size_t at = 3 - spatial + static_cast<size_t>(d);
    s.input[at] = input[first + d];
    s.output[at] = entry(output_size, d, 0, op, "output_size");
  }
  return s;
}

Shape pool_output(const Shape& input, const PoolShape& shape, int spatial, bool channels_last) {
  Shape result = input;
  const int first = first_pooled_dim(input, spatial, channels_last);
  for (int d = 0; d < spatial; ++d)
    result[first + d] = shape.output[static_cast<size_t>(3 - spatial + d)];
  (void)result.numel();
  return result;
}

int first_pooled_dim(const Shape& shape, int spatial, bool channels_last) {
  return shape.rank() - spatial - (channels_last ? 1 : 0);
}

Shape with_pooled_dims(const Shape& shape, int spatial, bool channels_last,
                       const std::vector<int64_t>& sizes, std::string_view op) {
  const int first = first_pooled_dim(shape, spatial, channels_last);
  GRADUS_CHECK(static_cast<int>(sizes.size()) == spatial && first > 0,
               "[{}] attribute 'input_size', expected {} numbers, fewer than dims, got {} and {}",
               op, spatial, sizes.size(), to_string(shape));
  Shape result = shape;
  for (int d = 0; d < spatial; ++d) result[first + d] = entry(sizes, d, 1, op, "input_size");
  (void)result.numel();
  return result;
}

std::vector<int64_t> pooled_dims(const Shape& shape, int spatial, bool channels_last) {
  const int64_t* first = shape.begin() + first_pooled_dim(shape, spatial, channels_last);
  return {first, first + spatial};
}

std::vector<AttrSpec> with_channels_last(std::vector<AttrSpec> attributes) {
  const AttrSpec channels_last{"channels_last", AttrType::boolean, false};
  attributes.insert(attributes.end(), channels_last);
  return attributes;
}

Value flatten_planes(Value x, int spatial, bool channels_last) {
  const int first = first_pooled_dim(x.shape(), spatial, channels_last), end = first + spatial;
  return reshape(x, {x.shape().product(0, first), x.shape().product(first, end),
                     x.shape().product(end, x.rank())});
}

}  // namespace gradus
