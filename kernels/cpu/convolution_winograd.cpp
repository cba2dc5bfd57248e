// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/convolution_winograd.h"

#include "engine/base/instruction_set.h"
#include "kernels/convolution.h"
#include "kernels/cpu/convolution_tile.h"

namespace gradus::kernels {
namespace {

WinogradProduct forward_product(const ConvolutionShape& s) {
  const int64_t depth = s.in_channels;
  return {s.batch,        s.input[1],   s.input[2],   depth,  s.output[1], s.output[2],
          s.out_channels, s.padding[1], s.padding[2], 9,      depth * 9,   false,
          nullptr,        nullptr,      nullptr,      nullptr};
}

WinogradProduct backward_product(const ConvolutionShape& s) {
  const int64_t columns = s.in_channels;
  return {s.batch, s.output[1],      s.output[2],      s.out_channels, s.input[1], s.input[2],
          columns, 2 - s.padding[1], 2 - s.padding[2], columns * 9,    9,          true,
          nullptr, nullptr,          nullptr,          nullptr};
}

void run(const WinogradProduct& p, float* workspace) {
#if defined(__x86_64__) || defined(__i386__)
  if (instruction_set() == InstructionSet::avx512) return convolution_winograd_avx512(p, workspace);
  convolution_winograd_avx2(p, workspace);
#else
  (void)p, (void)workspace;
#endif
}

void run_weight(const WinogradProduct& p, const float* slopes, float* gradient, float* workspace) {
#if defined(__x86_64__) || defined(__i386__)
  if (instruction_set() == InstructionSet::avx512)
    return convolution_weight_winograd_avx512(p, slopes, gradient, workspace);
  convolution_weight_winograd_avx2(p, slopes, gradient, workspace);
#else
  (void)p, (void)slopes, (void)gradient, (void)workspace;
#endif
}

int64_t bytes(const WinogradProduct& p) {
  return WinogradCut(p).elements() * static_cast<int64_t>(sizeof(float));
}

}  // namespace

bool convolution_fits_winograd(const ConvolutionShape& s) {
  using Sizes = std::array<int64_t, 3>;
  const int64_t width = convolution_tile().columns;
  const int64_t pad = std::max(s.padding[1], s.padding[2]);
  return instruction_set() != InstructionSet::base && s.groups == 1 && s.kernel == Sizes{1, 3, 3} &&
         s.stride == Sizes{1, 1, 1} && s.dilation == Sizes{1, 1, 1} && s.padding[0] == 0 &&
         s.output[0] == s.input[0] && s.input[0] == 1 && pad <= 2 && s.in_channels >= 32 &&
         s.out_channels >= 32 && s.in_channels % width == 0 && s.out_channels % width == 0 &&
         s.output[1] >= 2 && s.output[2] >= 2;
}

void convolution_cpu_winograd(const ConvolutionArgs& args, void* workspace) {
  WinogradProduct p = forward_product(args.shape);
  p.source = static_cast<const float*>(args.input);
  p.weight = static_cast<const float*>(args.weight);
  p.bias = static_cast<const float*>(args.bias);
  p.result = static_cast<float*>(args.output);
  run(p, static_cast<float*>(workspace));
}

int64_t convolution_winograd_workspace(const ConvolutionShape& shape) {
  return bytes(forward_product(shape));
}

void convolution_backward_input_cpu_winograd(const ConvolutionBackwardInputArgs& args,
                                             void* workspace) {
  WinogradProduct p = backward_product(args.shape);
  p.source = static_cast<const float*>(args.output_gradient);
  p.weight = static_cast<const float*>(args.weight);
  p.result = static_cast<float*>(args.input_gradient);
  run(p, static_cast<float*>(workspace));
}

int64_t convolution_backward_input_winograd_workspace(const ConvolutionShape& shape) {
  return bytes(backward_product(shape));
}

void convolution_backward_weight_cpu_winograd(const ConvolutionBackwardWeightArgs& args,
                                              void* workspace) {
  WinogradProduct p = forward_product(args.shape);
  p.source = static_cast<const float*>(args.input);
  run_weight(p, static_cast<const float*>(args.output_gradient),
             static_cast<float*>(args.weight_gradient), static_cast<float*>(workspace));
}

int64_t convolution_backward_weight_winograd_workspace(const ConvolutionShape& shape) {
  const WinogradProduct p = forward_product(shape);
  return WinogradWeightCut(p).elements(p) * static_cast<int64_t>(sizeof(float));
}

}  // namespace gradus::kernels
