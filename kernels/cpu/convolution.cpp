// SPDX-License-Identifier: Apache-2.0
#include "kernels/convolution.h"

#include "engine/base/dispatch.h"
#include "engine/base/parallel.h"

namespace gradus::kernels {
namespace {

using Position = std::array<int64_t, 3>;

Position position(int64_t index, const std::array<int64_t, 3>& sizes) {
  return {index / (sizes[1] * sizes[2]), index / sizes[2] % sizes[1], index % sizes[2]};
}

// An activation (images, channels, positions) in elements of its memory.
template <class T>
struct Activation {
  T* data;
  int64_t image, channel, position;

  Activation(const void* from, const ConvolutionShape& s, int64_t channels, int64_t positions)
      : data(static_cast<T*>(const_cast<void*>(from))),
        image(channels * positions),
        channel(s.channels_last ? 1 : positions),
        position(s.channels_last ? channels : 1) {}

  T& at(int64_t n, int64_t c, int64_t p) const {
    return data[n * image + c * channel + p * position];
  }
};

template <class T>
Activation<T> input_of(const void* data, const ConvolutionShape& s) {
  return {data, s, s.in_channels, s.input_size()};
}

template <class T>
Activation<T> output_of(const void* data, const ConvolutionShape& s) {
  return {data, s, s.out_channels, s.output_size()};
}

// The input index that output position p reads through tap t, or -1 outside.
int64_t source(const ConvolutionShape& s, const Position& p, const Position& t) {
  int64_t index = 0;
  for (size_t d = 0; d < 3; ++d) {
    const int64_t i = p[d] * s.stride[d] - s.padding[d] + t[d] * s.dilation[d];
    if (i < 0 || i >= s.input[d]) return -1;
    index = index * s.input[d] + i;
  }
  return index;
}

// The output index that reads input position i through tap t, or -1 for none.
int64_t reader(const ConvolutionShape& s, const Position& i, const Position& t) {
  int64_t index = 0;
  for (size_t d = 0; d < 3; ++d) {
    const int64_t scaled = i[d] + s.padding[d] - t[d] * s.dilation[d];
    if (scaled < 0 || scaled % s.stride[d] != 0 || scaled / s.stride[d] >= s.output[d]) return -1;
    index = index * s.output[d] + scaled / s.stride[d];
  }
  return index;
}

template <class T>
void forward_plane(const ConvolutionArgs& args, int64_t n, int64_t o) {
  const ConvolutionShape& s = args.shape;
  const int64_t channels = s.group_in_channels(), first = o / s.group_out_channels() * channels;
  const auto input = input_of<const T>(args.input, s);
  const T* weight = static_cast<const T*>(args.weight) + o * channels * s.kernel_size();
  const auto output = output_of<T>(args.output, s);
  for (int64_t at = 0; at < s.output_size(); ++at) {
    const Position p = position(at, s.output);
    double sum = args.bias ? static_cast<const T*>(args.bias)[o] : 0;
    for (int64_t t = 0; t < s.kernel_size(); ++t) {
      const int64_t from = source(s, p, position(t, s.kernel));
      if (from < 0) continue;
      for (int64_t c = 0; c < channels; ++c)
        sum += static_cast<double>(weight[c * s.kernel_size() + t]) *
               static_cast<double>(input.at(n, first + c, from));
    }
    output.at(n, o, at) = static_cast<T>(sum);
  }
}

template <class T>
void backward_input_plane(const ConvolutionBackwardInputArgs& args, int64_t n, int64_t c) {
  const ConvolutionShape& s = args.shape;
  const int64_t channels = s.group_in_channels(), group = c / channels;
  const int64_t first = group * s.group_out_channels();
  const auto gradient = output_of<const T>(args.output_gradient, s);
  const T* weight =
      static_cast<const T*>(args.weight) + (first * channels + c % channels) * s.kernel_size();
  const auto result = input_of<T>(args.input_gradient, s);
  for (int64_t at = 0; at < s.input_size(); ++at) {
    const Position i = position(at, s.input);
    double sum = 0;
    for (int64_t t = 0; t < s.kernel_size(); ++t) {
      const int64_t from = reader(s, i, position(t, s.kernel));
      if (from < 0) continue;
      for (int64_t o = 0; o < s.group_out_channels(); ++o)
        sum += static_cast<double>(weight[o * channels * s.kernel_size() + t]) *
               static_cast<double>(gradient.at(n, first + o, from));
    }
    result.at(n, c, at) = static_cast<T>(sum);
  }
}

template <class T>
void backward_weight_kernel(const ConvolutionBackwardWeightArgs& args, int64_t o, int64_t c) {
  const ConvolutionShape& s = args.shape;
  const int64_t channels = s.group_in_channels(), first = o / s.group_out_channels() * channels;
  const auto input = input_of<const T>(args.input, s);
  const auto gradient = output_of<const T>(args.output_gradient, s);
  T* result = static_cast<T*>(args.weight_gradient) + (o * channels + c) * s.kernel_size();
  for (int64_t t = 0; t < s.kernel_size(); ++t) {
    const Position tap = position(t, s.kernel);
    double sum = 0;
    for (int64_t n = 0; n < s.batch; ++n)
      for (int64_t at = 0; at < s.output_size(); ++at) {
        const int64_t from = source(s, position(at, s.output), tap);
        if (from >= 0)
          sum += static_cast<double>(gradient.at(n, o, at)) *
                 static_cast<double>(input.at(n, first + c, from));
      }
    result[t] = static_cast<T>(sum);
  }
}

}  // namespace

void convolution_cpu_reference(const ConvolutionArgs& args) {
  const ConvolutionShape& s = args.shape;
  dispatch_float(args.dtype, [&](auto tag) {
    parallel_for(s.batch * s.out_channels, [&](int64_t plane) {
      forward_plane<typename decltype(tag)::type>(args, plane / s.out_channels,
                                                  plane % s.out_channels);
    });
  });
}

void convolution_backward_input_cpu_reference(const ConvolutionBackwardInputArgs& args) {
  const ConvolutionShape& s = args.shape;
  dispatch_float(args.dtype, [&](auto tag) {
    parallel_for(s.batch * s.in_channels, [&](int64_t plane) {
      backward_input_plane<typename decltype(tag)::type>(args, plane / s.in_channels,
                                                         plane % s.in_channels);
    });
  });
}

void convolution_backward_weight_cpu_reference(const ConvolutionBackwardWeightArgs& args) {
  const ConvolutionShape& s = args.shape;
  dispatch_float(args.dtype, [&](auto tag) {
    parallel_for(s.out_channels * s.group_in_channels(), [&](int64_t pair) {
      backward_weight_kernel<typename decltype(tag)::type>(args, pair / s.group_in_channels(),
                                                           pair % s.group_in_channels());
    });
  });
}

}  // namespace gradus::kernels
