// SPDX-License-Identifier: Apache-2.0
#include "kernels/batch_norm_relu.h"

#include <cmath>

#include "engine/base/dispatch.h"
#include "engine/base/parallel.h"
#include "kernels/cpu/window_chunks.h"

namespace gradus::kernels {
namespace {

// Calls visit(output element, its window's elements in order) for every output of a channel of an
// image; elements are given by a function of their number.
template <class Visit>
void each_window(const BatchNormReluShape& s, int64_t image, int64_t channel, Visit&& visit) {
  const int64_t step = s.channels_last ? s.channels : 1;
  const auto first = [&](int64_t size) {
    return s.channels_last ? image * size * s.channels + channel
                           : (image * s.channels + channel) * size;
  };
  const int64_t input = first(s.input_size()), output = first(s.output_size());
  for (int64_t o = 0; o < s.output_size(); ++o) {
    const int64_t d = o / (s.output[1] * s.output[2]), h = o / s.output[2] % s.output[1];
    const int64_t w = o % s.output[2];
    visit(output + o * step, [&](int64_t element) {
      const int64_t z = d * s.window[0] + element / (s.window[1] * s.window[2]);
      const int64_t y = h * s.window[1] + element / s.window[2] % s.window[1];
      const int64_t x = w * s.window[2] + element % s.window[2];
      return input + ((z * s.input(1) + y) * s.input(2) + x) * step;
    });
  }
}

// The element of a window that max pooling takes: the first of equal values, or a NaN.
template <class T, class Element>
int64_t chosen(const T* values, int64_t count, Element&& element) {
  int64_t best = element(0);
  for (int64_t i = 1; i < count; ++i) {
    const int64_t at = element(i);
    if (values[at] > values[best] || std::isnan(values[at])) best = at;
  }
  return best;
}

template <class Body>
void each_plane(const BatchNormReluShape& s, Body&& body) {
  parallel_for(s.batch * s.channels,
               [&](int64_t plane) { body(plane / s.channels, plane % s.channels); });
}

template <class T>
void forward(const BatchNormReluArgs& args) {
  const BatchNormReluShape& s = args.shape;
  BatchNormArgs norm = args.norm;
  T* values = static_cast<T*>(norm.workspace);
  norm.y = values;
  norm.shape = s.norm();
  batch_norm_cpu(norm);
  each_plane(s, [&](int64_t image, int64_t channel) {
    each_window(s, image, channel, [&](int64_t to, auto&& element) {
      const T value = values[chosen(values, s.window_size(), element)];
      static_cast<T*>(args.y)[to] = value > 0 || std::isnan(value) ? value : T(0);
    });
  });
}

template <class T>
void backward(const BatchNormReluBackwardArgs& args) {
  const BatchNormReluShape& s = args.shape;
  BatchNormBackwardArgs norm = args.norm;
  T* values = static_cast<T*>(norm.workspace);
  T* slopes = values + s.norm().count() * s.channels;
  const auto read = [](const void* from, int64_t i) { return static_cast<const T*>(from)[i]; };
  each_plane(s, [&](int64_t image, int64_t c) {
    const T scale = read(norm.rstd, c) * (norm.weight ? read(norm.weight, c) : T(1));
    const T mean = read(norm.mean, c), bias = args.bias ? read(args.bias, c) : T(0);
    each_window(s, image, c, [&](int64_t from, auto&& element) {
      for (int64_t i = 0; i < s.window_size(); ++i) {
        values[element(i)] = std::fma(read(norm.x, element(i)) - mean, scale, bias);
        slopes[element(i)] = 0;
      }
      const int64_t at = chosen(values, s.window_size(), element);
      if (values[at] > 0) slopes[at] = read(norm.dy, from);
    });
  });
  norm.dy = slopes;
  norm.shape = s.norm();
  batch_norm_backward_cpu(norm);
}

}  // namespace

void batch_norm_relu_cpu(const BatchNormReluArgs& args) {
  dispatch_float(args.norm.dtype, [&](auto tag) { forward<typename decltype(tag)::type>(args); });
}

void batch_norm_relu_backward_cpu(const BatchNormReluBackwardArgs& args) {
  dispatch_float(args.norm.dtype, [&](auto tag) { backward<typename decltype(tag)::type>(args); });
}

int64_t batch_norm_relu_reference_workspace(DType dtype, const BatchNormReluShape& shape) {
  return 2 * shape.norm().count() * shape.channels * (dtype_bits(dtype) / 8);
}

int64_t batch_norm_relu_workspace(const BatchNormReluShape& shape) {
  return std::max(column_workspace(shape.norm().count(), shape.channels), window_workspace(shape));
}

}  // namespace gradus::kernels
