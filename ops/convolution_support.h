// SPDX-License-Identifier: Apache-2.0
// Shapes of convolutions, shared by the three kernels' ops and by conv1d ... conv_transpose3d.
#pragma once

#include <string_view>
#include <vector>

#include "engine/graph/value.h"
#include "kernels/convolution.h"

namespace gradus {

// stride, padding, padding_end, dilation, groups: those of the three kernels' ops. padding_end is
// what is added after the last element of each dim (none: as padding; negative: elements there are
// not read); padding is added before the first.
std::vector<AttrSpec> convolution_attributes();

// One convolution seen from its three tensors. Throws, naming `op`, for anything that does not fit;
// `input` and `weight` are (batch, channels, spatial...) and (out, in / groups, kernel...).
kernels::ConvolutionShape convolution_shape(const Shape& input, const Shape& weight,
                                            const Attrs& attrs, std::string_view op);
// (batch, out_channels, output spatial dims...) with as many dims as `spatial`.
Shape convolution_output(const kernels::ConvolutionShape& shape, int spatial);

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
