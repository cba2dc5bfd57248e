// SPDX-License-Identifier: Apache-2.0
// Shapes of convolutions, shared by the three kernels' ops and by conv1d ... conv_transpose3d.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "engine/graph/value.h"
#include "engine/op/sample.h"
#include "kernels/convolution.h"

namespace gradus {

// stride, padding, padding_end, dilation, groups, channels_last: those of the three kernels' ops.
// padding_end is what is added after the last element of each dim (none: as padding; negative:
// elements there are not read); padding is added before the first. With channels_last, input,
// output and their gradients are (batch, spatial..., channels); the weight stays as it is.
std::vector<AttrSpec> convolution_attributes();

// One convolution seen from its three tensors. Throws, naming `op`, for anything that does not fit;
// `input` is (batch, channels, spatial...) or, with channels_last, (batch, spatial..., channels);
// `weight` is (out, in / groups, kernel...).
kernels::ConvolutionShape convolution_shape(const Shape& input, const Shape& weight,
                                            const Attrs& attrs, std::string_view op);
// The output's dims in the order of the input's, with as many spatial ones as `spatial`.
Shape convolution_output(const kernels::ConvolutionShape& shape, int spatial);

// (batch, channels, spatial sizes...) in the order that the attribute channels_last asks for.
Shape activation_shape(int64_t batch, int64_t channels, std::span<const int64_t> sizes,
                       bool channels_last);
// The dims of such an activation of rank 3 to 5.
int64_t activation_channels(const Shape& shape, const Attrs& attrs);
Shape activation_sizes(const Shape& shape, const Attrs& attrs);
// All its dims but the channels, for a sum over them.
std::vector<int64_t> activation_dims(const Shape& shape, const Attrs& attrs);

// Adds to `list` each of its samples again with channels_last, its first `activations` inputs in
// that order.
void add_channels_last(std::vector<Sample>& list, size_t activations);

// Throws unless `list` has one entry for each of 1 to 3 spatial dims, all at least 1.
void check_sizes(const std::vector<int64_t>& list, int spatial, std::string_view op,
                 std::string_view attribute);

// Attributes for the gradients' ops: those of convolution_attributes() as they are, and one more.
AttrList with_size(const Attrs& attrs, std::string_view name, const Shape& size);

// The public functions: input (batch, channels, spatial...) or without batch.
std::vector<AttrSpec> conv_attributes();
std::vector<Value> conv(std::span<const Value> in, const Attrs& attrs, int spatial,
                        std::string_view op);
std::vector<AttrSpec> conv_transpose_attributes();
std::vector<Value> conv_transpose(std::span<const Value> in, const Attrs& attrs, int spatial,
                                  std::string_view op);

}  // namespace gradus
