// SPDX-License-Identifier: Apache-2.0
// Convolutions as matrix products whose right operand, the patches, exists only in packed panels.
#include "engine/base/dispatch.h"
#include "kernels/convolution.h"
#include "kernels/cpu/convolution_taps.h"
#include "kernels/cpu/packed_product.h"

namespace gradus::kernels {
namespace {

// (channel, tap) rows by positions: what each of `width` positions from `column` on reads of each
// channel. `before` elements precede `from` in its tensor; `total` follow.
template <class T>
void pack_patches(const TapMap& map, const T* from, int64_t channels, int64_t before, int64_t total,
                  int64_t column, int64_t width, T* to) {
  const int64_t positions = map.grid[0] * map.grid[1] * map.grid[2];
  const int64_t plane = map.plane[0] * map.plane[1] * map.plane[2];
  const int64_t taps = map.kernel[0] * map.kernel[1] * map.kernel[2];
  const int64_t filled = std::min(width, positions - column);
  if (filled < width) std::fill_n(to, channels * taps * width, T(0));
  for (int64_t tap = 0; tap < taps; ++tap) {
    const TapRow<T> row(map, column, filled, tap);
    for (int64_t c = 0; c < channels; ++c)
      row.read(from + c * plane, before + c * plane, total - c * plane,
               to + (c * taps + tap) * width);
  }
}

// Items are (image, group): weight (out, in * taps) times patches (in * taps, positions).
template <class T>
struct ForwardOperands : PackedOperands<T> {
  const ConvolutionArgs& args;
  TapMap map;

  static PackedSizes sizes_of(const ConvolutionShape& s) {
    return {s.batch * s.groups, s.group_out_channels(), s.output_size(),
            s.group_in_channels() * s.kernel_size()};
  }
  explicit ForwardOperands(const ConvolutionArgs& convolution)
      : PackedOperands<T>{sizes_of(convolution.shape), convolution.shape.output_size(), false},
        args(convolution),
        map(TapMap::forward(convolution.shape)) {}

  T* result(int64_t item) const {
    return static_cast<T*>(args.output) + item * this->sizes.m * this->sizes.n;
  }
  void pack_columns(int64_t item, int64_t column, int64_t width, T* to) const {
    const ConvolutionShape& s = args.shape;
    const int64_t channels = s.group_in_channels(), before = item * channels * s.input_size();
    pack_patches(map, static_cast<const T*>(args.input) + before, channels, before,
                 s.batch * s.in_channels * s.input_size() - before, column, width, to);
  }
  void pack_rows(int64_t item, int64_t row, int64_t count, int64_t k0, int64_t k1, int64_t height,
                 T* to) const {
    const int64_t group = item % args.shape.groups, k = this->sizes.k;
    const T* weight = static_cast<const T*>(args.weight) + (group * this->sizes.m + row) * k + k0;
    pack_matrix_rows(weight, k, 1, this->sizes.m - row, count, k1 - k0, height, to);
  }
  void finish(int64_t item, T* c, int64_t row, int64_t rows, int64_t, int64_t columns) const {
    if (!args.bias) return;
    const T* bias = static_cast<const T*>(args.bias) + item % args.shape.groups * this->sizes.m;
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t j = 0; j < columns; ++j) c[r * this->ldc + j] += bias[row + r];
  }
};

// Items are (image, group): weight (in, out * taps) times what each input position reads of the
// output's gradient.
template <class T>
struct BackwardInputOperands : PackedOperands<T> {
  const ConvolutionBackwardInputArgs& args;
  TapMap map;

  static PackedSizes sizes_of(const ConvolutionShape& s) {
    return {s.batch * s.groups, s.group_in_channels(), s.input_size(),
            s.group_out_channels() * s.kernel_size()};
  }
  explicit BackwardInputOperands(const ConvolutionBackwardInputArgs& convolution)
      : PackedOperands<T>{sizes_of(convolution.shape), convolution.shape.input_size(), false},
        args(convolution),
        map(TapMap::backward(convolution.shape)) {}

  T* result(int64_t item) const {
    return static_cast<T*>(args.input_gradient) + item * this->sizes.m * this->sizes.n;
  }
  void pack_columns(int64_t item, int64_t column, int64_t width, T* to) const {
    const ConvolutionShape& s = args.shape;
    const int64_t channels = s.group_out_channels(), before = item * channels * s.output_size();
    pack_patches(map, static_cast<const T*>(args.output_gradient) + before, channels, before,
                 s.batch * s.out_channels * s.output_size() - before, column, width, to);
  }
  void pack_rows(int64_t item, int64_t row, int64_t count, int64_t k0, int64_t k1, int64_t height,
                 T* to) const {
    const ConvolutionShape& s = args.shape;
    const int64_t taps = s.kernel_size(), in = s.group_in_channels(), depth = k1 - k0;
    const T* weight = static_cast<const T*>(args.weight) +
                      (item % s.groups * s.group_out_channels() * in + row) * taps;
    for (int64_t panel = 0; panel < count; panel += height, to += height * depth) {
      const int64_t filled = std::clamp<int64_t>(in - row - panel, 0, height);
      if (filled < height) std::fill_n(to, height * depth, T(0));
      for (int64_t k = k0; k < k1; ++k) {
        const T* from = weight + (k / taps * in + panel) * taps + k % taps;
        for (int64_t r = 0; r < filled; ++r) to[(k - k0) * height + r] = from[r * taps];
      }
    }
  }
  void finish(int64_t, T*, int64_t, int64_t, int64_t, int64_t) const {}
};

template <class T>
int64_t bytes(int64_t elements) {
  return elements * static_cast<int64_t>(sizeof(T));
}

}  // namespace

void convolution_cpu_packed(const ConvolutionArgs& args, void* workspace) {
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    packed_product<T>(ForwardOperands<T>(args), static_cast<T*>(workspace));
  });
}

int64_t convolution_packed_workspace(DType dtype, const ConvolutionShape& shape) {
  return dispatch_float(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    return bytes<T>(packed_product_elements<T>(ForwardOperands<T>::sizes_of(shape)));
  });
}

void convolution_backward_input_cpu_packed(const ConvolutionBackwardInputArgs& args,
                                           void* workspace) {
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    packed_product<T>(BackwardInputOperands<T>(args), static_cast<T*>(workspace));
  });
}

int64_t convolution_backward_input_packed_workspace(DType dtype, const ConvolutionShape& shape) {
  return dispatch_float(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    return bytes<T>(packed_product_elements<T>(BackwardInputOperands<T>::sizes_of(shape)));
  });
}

}  // namespace gradus::kernels
