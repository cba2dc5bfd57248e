// SPDX-License-Identifier: Apache-2.0
// What batch_norm and its backward op share.
#pragma once

#include "engine/graph/value.h"
#include "kernels/batch_norm.h"

namespace gradus {

// x is (batch, channels, any...).
kernels::BatchNormShape batch_norm_shape(const Shape& x);

// Whether the vector kernels take this shape: lanes run along space, or over channels without it.
bool batch_norm_fits_lanes(const Shape& x);
template <auto Position>
bool batch_norm_lanes_fit(const KernelQuery& query) {
  return batch_norm_fits_lanes(query.in[Position].shape);
}

// Values of the channels (channels,) in a shape that broadcasts with x.
Value per_channel(Value values, const Shape& x);

}  // namespace gradus
