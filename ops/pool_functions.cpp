// SPDX-License-Identifier: Apache-2.0
// max_pool1d ... adaptive_max_pool3d: PyTorch's functions over the pooling kernels.
#include "engine/base/error.h"
#include "ops/pooling_support.h"

namespace gradus {
namespace {

void check_rank(const Value& input, int spatial, std::string_view op) {
  GRADUS_CHECK(input.rank() == spatial + 1 || input.rank() == spatial + 2,
               "[{}] input, expected {} or {} dims, got {}", op, spatial + 1, spatial + 2,
               to_string(input.shape()));
}

// Every list with one number per pooled dim; the others as they are.
AttrList expanded(const Attrs& attrs, int spatial, std::string_view op) {
  AttrList list;
  for (const NamedAttr& attr : attrs.all()) {
    const auto* numbers = attr.second.as<AttrValue::Integers>();
    // PyTorch's other spelling of "as kernel_size".
    const bool is_default = numbers && numbers->empty() && attr.first == "stride";
    if (is_default)
      list.emplace_back(attr.first, AttrValue::none());
    else if (numbers)
      list.emplace_back(attr.first, expand_list(*numbers, spatial, op, attr.first));
    else
      list.push_back(attr);
  }
  return list;
}

// In three dims PyTorch averages only where a window finds its place without the padding.
void check_whole_windows(const Shape& input, const AttrList& attrs, std::string_view op) {
  for (const NamedAttr& attr : attrs) {
    if (attr.first != "kernel_size") continue;
    const auto& kernel = *attr.second.as<AttrValue::Integers>();
    for (int d = 0; d < 3; ++d)
      GRADUS_CHECK(input[input.rank() - 3 + d] >= kernel[static_cast<size_t>(d)],
                   "[{}] input, expected last dims of at least kernel_size {}, got {}", op,
                   to_string(attr.second), to_string(input));
  }
}

}  // namespace

std::vector<AttrSpec> max_pool_attributes() {
  return {{"kernel_size", AttrType::integers, {}, true},
          {"stride", AttrType::integers},
          {"padding", AttrType::integers, 0},
          {"dilation", AttrType::integers, 1},
          {"ceil_mode", AttrType::boolean, false}};
}

std::vector<Value> max_pool(std::span<const Value> in, const Attrs& attrs, int spatial,
                            std::string_view op) {
  check_rank(in[0], spatial, op);
  return apply("max_pool", {in[0]}, expanded(attrs, spatial, op));
}

std::vector<AttrSpec> avg_pool_attributes(int spatial) {
  std::vector<AttrSpec> list = {{"kernel_size", AttrType::integers, {}, true},
                                {"stride", AttrType::integers},
                                {"padding", AttrType::integers, 0},
                                {"ceil_mode", AttrType::boolean, false},
                                {"count_include_pad", AttrType::boolean, true},
                                {"divisor_override", AttrType::integer}};
  if (spatial == 1) list.pop_back();  // avg_pool1d has none
  return list;
}

std::vector<Value> avg_pool(std::span<const Value> in, const Attrs& attrs, int spatial,
                            std::string_view op) {
  check_rank(in[0], spatial, op);
  const AttrList list = expanded(attrs, spatial, op);
  if (spatial == 3) check_whole_windows(in[0].shape(), list, op);
  return apply("avg_pool", {in[0]}, list);
}

std::vector<Value> adaptive_pool(std::string_view kernel, std::span<const Value> in,
                                 const Attrs& attrs, int spatial, std::string_view op) {
  check_rank(in[0], spatial, op);
  std::vector<int64_t> size =
      expand_list(attrs.integers("output_size"), spatial, op, "output_size");
  const std::vector<int64_t> own = pooled_dims(in[0].shape(), spatial, false);
  for (size_t d = 0; d < size.size(); ++d)
    if (size[d] == same_size) size[d] = own[d];
  return apply(kernel, {in[0]}, {{"output_size", size}});
}

}  // namespace gradus
