// SPDX-License-Identifier: Apache-2.0
// What batch_norm and its backward op share.
#pragma once

#include <vector>

#include "engine/graph/value.h"
#include "kernels/batch_norm.h"

namespace gradus {

// input, running_mean, running_var, weight, bias; training, momentum, eps.
std::vector<InputSpec> batch_norm_inputs();
std::vector<AttrSpec> batch_norm_attributes();
// {output as the input, next running mean and variance (empty without), mean, rstd}, after checks
// of everything but the input's rank.
std::vector<TensorSpec> batch_norm_outputs(const InferArgs& args,
                                           const kernels::BatchNormShape& shape);

// x is (batch, channels, any...), or (batch, any..., channels) with channels_last.
kernels::BatchNormShape batch_norm_shape(const Shape& x, bool channels_last);

// Whether the vector kernels take this shape: lanes run along space, or over channels without it.
bool batch_norm_fits_lanes(const kernels::BatchNormShape& shape);
template <auto Position>
bool batch_norm_lanes_fit(const KernelQuery& query) {
  return batch_norm_fits_lanes(
      batch_norm_shape(query.in[Position].shape, query.attrs.boolean("channels_last")));
}
// Bytes, for the vector kernels.
template <auto Position>
int64_t batch_norm_lanes_workspace(const KernelQuery& query) {
  return kernels::batch_norm_workspace(
      batch_norm_shape(query.in[Position].shape, query.attrs.boolean("channels_last")));
}

// Values of the channels (channels,) in a shape that broadcasts with x.
Value per_channel(Value values, const Shape& x, bool channels_last);

}  // namespace gradus
