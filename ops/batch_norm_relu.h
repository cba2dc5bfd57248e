// SPDX-License-Identifier: Apache-2.0
// What batch_norm_relu and its backward op share.
#pragma once

#include "engine/graph/value.h"
#include "kernels/batch_norm_relu.h"

namespace gradus {

// x is (batch, channels, 1 to 3 dims), or with channels_last (batch, 1 to 3 dims, channels).
// Throws, naming `op`, unless `window` divides the dims.
kernels::BatchNormReluShape batch_norm_relu_shape(const Shape& x, const Attrs& attrs,
                                                  std::string_view op);
// The shape of the result.
Shape batch_norm_relu_output(const Shape& x, const kernels::BatchNormReluShape& shape);

// training ... eps, window, channels_last.
std::vector<AttrSpec> batch_norm_relu_attributes();

// Whether the vector kernels take the query, and the bytes they and the reference need; x is input
// `Position`.
template <auto Position>
bool batch_norm_relu_lanes_fit(const KernelQuery& query) {
  const auto s = batch_norm_relu_shape(query.in[Position].shape, query.attrs, "batch_norm_relu");
  return s.channels_last && s.window_size() <= 64;
}
template <auto Position>
int64_t batch_norm_relu_lanes_workspace(const KernelQuery& query) {
  return kernels::batch_norm_relu_workspace(
      batch_norm_relu_shape(query.in[Position].shape, query.attrs, "batch_norm_relu"));
}
template <auto Position>
int64_t batch_norm_relu_reference_workspace(const KernelQuery& query) {
  return kernels::batch_norm_relu_reference_workspace(
      query.in[Position].dtype,
      batch_norm_relu_shape(query.in[Position].shape, query.attrs, "batch_norm_relu"));
}

// The same written with public ops: {y, next running mean and variance, mean, rstd}.
std::vector<Value> batch_norm_relu_twin(const std::vector<Value>& in, const Attrs& attrs);

}  // namespace gradus
