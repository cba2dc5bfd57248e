// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "engine/base/dtype.h"

namespace gradus::kernels {

// The sizes of a convolution over depth, height and width; missing leading dims have size 1. Output
// position o reads input position o * stride - padding + tap * dilation where that is inside.
//   input (batch, in_channels, input...)        weight (out_channels, in_channels / groups,
//   kernel...) output (batch, out_channels, output...)     bias (out_channels)
// All dense row-major. Group g takes the g-th part of the channels of both sides. With
// `channels_last`, input, output and their gradients are (batch, spatial..., channels) instead;
// the weight stays as it is.
struct ConvolutionShape {
  int64_t batch = 0, in_channels = 0, out_channels = 0, groups = 1;
  std::array<int64_t, 3> input{1, 1, 1}, output{1, 1, 1}, kernel{1, 1, 1};
  std::array<int64_t, 3> stride{1, 1, 1}, padding{0, 0, 0}, dilation{1, 1, 1};
  bool channels_last = false;

  int64_t input_size() const { return input[0] * input[1] * input[2]; }
  int64_t output_size() const { return output[0] * output[1] * output[2]; }
  int64_t kernel_size() const { return kernel[0] * kernel[1] * kernel[2]; }
  int64_t group_in_channels() const { return in_channels / groups; }
  int64_t group_out_channels() const { return out_channels / groups; }
  double flops() const {
    return 2.0 * static_cast<double>(batch * out_channels * output_size()) *
           static_cast<double>(group_in_channels() * kernel_size());
  }
};

// output[n, o, p] = bias[o] + sum over channels c of o's group and taps t of
//                   weight[o, c, t] * input[n, c, p * stride - padding + t * dilation]
struct ConvolutionArgs {
  DType dtype = DType::f32;
  ConvolutionShape shape;
  const void* input = nullptr;
  const void* weight = nullptr;
  const void* bias = nullptr;  // or null
  void* output = nullptr;
};

// input_gradient[n, c, i] = sum over o, p and t with i = p * stride - padding + t * dilation of
//                           weight[o, c, t] * output_gradient[n, o, p]: the adjoint in the input.
struct ConvolutionBackwardInputArgs {
  DType dtype = DType::f32;
  ConvolutionShape shape;
  const void* output_gradient = nullptr;
  const void* weight = nullptr;
  void* input_gradient = nullptr;
};

// weight_gradient[o, c, t] = sum over n and p of
//                            output_gradient[n, o, p] * input[n, c, p * stride - padding + t *
//                            dilation]
struct ConvolutionBackwardWeightArgs {
  DType dtype = DType::f32;
  ConvolutionShape shape;
  const void* input = nullptr;
  const void* output_gradient = nullptr;
  void* weight_gradient = nullptr;
};

// Plain loops in f32 or f64 with f64 sums, for either order of dims. The truth for the others.
void convolution_cpu_reference(const ConvolutionArgs& args);
void convolution_backward_input_cpu_reference(const ConvolutionBackwardInputArgs& args);
void convolution_backward_weight_cpu_reference(const ConvolutionBackwardWeightArgs& args);

// As matrix products of packed patches, f32 or f64, channels first. `workspace` holds as many bytes
// as the function beside says, 64-byte aligned. The weight gradient adds parts of 8 images (more
// where weights are large), in order. The same bits for any number of threads.
void convolution_cpu_packed(const ConvolutionArgs& args, void* workspace);
int64_t convolution_packed_workspace(DType dtype, const ConvolutionShape& shape);
void convolution_backward_input_cpu_packed(const ConvolutionBackwardInputArgs& args,
                                           void* workspace);
int64_t convolution_backward_input_packed_workspace(DType dtype, const ConvolutionShape& shape);
void convolution_backward_weight_cpu_packed(const ConvolutionBackwardWeightArgs& args,
                                            void* workspace);
int64_t convolution_backward_weight_packed_workspace(DType dtype, const ConvolutionShape& shape);

// On channels-last f32 tensors, which are read in place; only the weights are packed. `workspace`
// as above. The weight gradient adds chunks of at least 8 images in order. The same bits for any
// number of threads.
void convolution_cpu_channels_last(const ConvolutionArgs& args, void* workspace);
int64_t convolution_channels_last_workspace(const ConvolutionShape& shape);
void convolution_backward_input_cpu_channels_last(const ConvolutionBackwardInputArgs& args,
                                                  void* workspace);
int64_t convolution_backward_input_channels_last_workspace(const ConvolutionShape& shape);
void convolution_backward_weight_cpu_channels_last(const ConvolutionBackwardWeightArgs& args,
                                                   void* workspace);
int64_t convolution_backward_weight_channels_last_workspace(const ConvolutionShape& shape);

// The same for few input channels of one group (convolution_fits_few_channels): what a block of
// positions reads is copied once, with its padding.
bool convolution_fits_few_channels(const ConvolutionShape& shape);
void convolution_cpu_few_channels(const ConvolutionArgs& args, void* workspace);
int64_t convolution_few_channels_workspace(const ConvolutionShape& shape);
void convolution_backward_weight_cpu_few_channels(const ConvolutionBackwardWeightArgs& args,
                                                  void* workspace);
int64_t convolution_backward_weight_few_channels_workspace(const ConvolutionShape& shape);

// Channels-last f32 by minimal filtering F(2 x 2, 3 x 3), 16 products in place of 36: for 3 x 3
// kernels of stride 1 with enough channels (convolution_fits_winograd). Errors are a few times
// those of the plain sum.
bool convolution_fits_winograd(const ConvolutionShape& shape);
void convolution_cpu_winograd(const ConvolutionArgs& args, void* workspace);
int64_t convolution_winograd_workspace(const ConvolutionShape& shape);
void convolution_backward_input_cpu_winograd(const ConvolutionBackwardInputArgs& args,
                                             void* workspace);
int64_t convolution_backward_input_winograd_workspace(const ConvolutionShape& shape);
void convolution_backward_weight_cpu_winograd(const ConvolutionBackwardWeightArgs& args,
                                              void* workspace);
int64_t convolution_backward_weight_winograd_workspace(const ConvolutionShape& shape);

}  // namespace gradus::kernels
