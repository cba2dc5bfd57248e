// SPDX-License-Identifier: Apache-2.0
// Shapes of pooling, shared by the kernels' ops and by max_pool1d ... adaptive_max_pool3d.
#pragma once

#include <limits>
#include <string_view>
#include <vector>

#include "engine/graph/value.h"
#include "kernels/pooling.h"

namespace gradus {

// The kernels' ops take kernel_size, output_size and input_size with one number per pooled dim: 1
// to 3, the last dims of the input, all dims before them being planes; or with `channels_last`
// those before the last dim. Attributes that an op lacks have their defaults. All throw, naming
// `op`.
kernels::PoolShape window_pool_shape(const Shape& input, const Attrs& attrs, std::string_view op);
// output_size: the pooled dims of the result.
kernels::PoolShape adaptive_pool_shape(const Shape& input, const std::vector<int64_t>& output_size,
                                       bool channels_last, std::string_view op);
// The shape of the result of pooling `spatial` dims of `input`.
Shape pool_output(const Shape& input, const kernels::PoolShape& shape, int spatial,
                  bool channels_last);

// The first of the `spatial` pooled dims.
int first_pooled_dim(const Shape& shape, int spatial, bool channels_last);
// `shape` with other sizes of its pooled dims.
Shape with_pooled_dims(const Shape& shape, int spatial, bool channels_last,
                       const std::vector<int64_t>& sizes, std::string_view op);
std::vector<int64_t> pooled_dims(const Shape& shape, int spatial, bool channels_last);

// (planes, positions, lanes): see PoolShape.
Value flatten_planes(Value x, int spatial, bool channels_last);

// `attributes` and the boolean channels_last, false by default.
std::vector<AttrSpec> with_channels_last(std::vector<AttrSpec> attributes);

// The public functions: input (batch, channels, spatial...) or without batch.
std::vector<AttrSpec> max_pool_attributes();
std::vector<Value> max_pool(std::span<const Value> in, const Attrs& attrs, int spatial,
                            std::string_view op);
std::vector<AttrSpec> avg_pool_attributes(int spatial);
std::vector<Value> avg_pool(std::span<const Value> in, const Attrs& attrs, int spatial,
                            std::string_view op);
// `kernel` is adaptive_avg_pool or adaptive_max_pool. same_size within output_size, PyTorch's None,
// stands for the input's size.
inline constexpr int64_t same_size = std::numeric_limits<int64_t>::min();
std::vector<Value> adaptive_pool(std::string_view kernel, std::span<const Value> in,
                                 const Attrs& attrs, int spatial, std::string_view op);

}  // namespace gradus
