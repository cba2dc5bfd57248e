// SPDX-License-Identifier: Apache-2.0
// The weight gradient of a convolution as a matrix product over the positions of some images; the
// parts' results are added in order.
#include "engine/base/dispatch.h"
#include "kernels/convolution.h"
#include "kernels/cpu/packed_product.h"

namespace gradus::kernels {
namespace {

constexpr int64_t least_part_images = 8;
constexpr int64_t most_part_elements = int64_t{1} << 24;  // of all parts' weights together

struct Parts {
  int64_t images, count;
};

Parts parts_of(const ConvolutionShape& s) {
  const int64_t weights = s.out_channels * s.group_in_channels() * s.kernel_size();
  const int64_t most = std::max<int64_t>(most_part_elements / std::max<int64_t>(weights, 1), 1);
  const int64_t images =
      std::max(least_part_images, detail::packed_blocks(std::max<int64_t>(s.batch, 1), most));
  return {images, detail::packed_blocks(s.batch, images)};
}

// Items are (part, group): the output's gradient (out, positions of the part's images) times
// patches (positions, in * taps). Positions of images past the batch are zeros.
template <class T>
struct WeightOperands : PackedOperands<T> {
  const ConvolutionBackwardWeightArgs& args;
  Parts parts;
  T* results;
  std::array<int64_t, 3> interior_begin,
      interior_end;  // output positions whose taps are all inside

  static PackedSizes sizes_of(const ConvolutionShape& s) {
    const Parts parts = parts_of(s);
    return {parts.count * s.groups, s.group_out_channels(), s.group_in_channels() * s.kernel_size(),
            parts.images * s.output_size()};
  }
  WeightOperands(const ConvolutionBackwardWeightArgs& convolution, T* to)
      : PackedOperands<T>{sizes_of(convolution.shape), 0, false},
        args(convolution),
        parts(parts_of(convolution.shape)),
        results(to) {
    const ConvolutionShape& s = args.shape;
    this->ldc = this->sizes.n;
    for (size_t d = 0; d < 3; ++d) {
      interior_begin[d] = detail::packed_blocks(s.padding[d], s.stride[d]);
      const int64_t last = s.input[d] - 1 + s.padding[d] - (s.kernel[d] - 1) * s.dilation[d];
      interior_end[d] = last < 0 ? 0 : last / s.stride[d] + 1;
    }
  }

  T* result(int64_t item) const { return results + item * this->sizes.m * this->sizes.n; }

  void pack_rows(int64_t item, int64_t row, int64_t count, int64_t k0, int64_t k1, int64_t height,
                 T* to) const {
    const ConvolutionShape& s = args.shape;
    const int64_t positions = s.output_size(), depth = k1 - k0;
    std::fill_n(to, detail::packed_blocks(count, height) * height * depth, T(0));
    const int64_t filled = std::min(count, this->sizes.m - row);
    for (int64_t r = 0; r < filled; ++r) {
      T* lane = to + r / height * height * depth + r % height;
      const int64_t channel = item % s.groups * this->sizes.m + row + r;
      for (int64_t k = k0; k < k1;) {
        const int64_t image = item / s.groups * parts.images + k / positions;
        const int64_t end = std::min(k1, (k / positions + 1) * positions);
        if (image >= s.batch) break;
        const T* from = static_cast<const T*>(args.output_gradient) +
                        (image * s.out_channels + channel) * positions;
        for (; k < end; ++k) lane[(k - k0) * height] = from[k % positions];
      }
    }
  }

  void pack_columns(int64_t item, int64_t column, int64_t width, T* to) const {
    const ConvolutionShape& s = args.shape;
    const int64_t first = item / s.groups * parts.images;
    const int64_t images = std::min(parts.images, s.batch - first);
    const int64_t filled = std::min(width, this->sizes.n - column);
    const int64_t image_elements = s.output_size() * width;
    std::fill_n(to, parts.images * image_elements, T(0));
    for (int64_t i = 0; i < images; ++i)
      pack_image(first + i, item % s.groups, column, filled, width, to + i * image_elements);
  }

 private:
  // One column of the patches: a channel, and a tap by its offset in each dim.
  struct Column {
    int64_t plane;
    std::array<int64_t, 3> tap;
  };

  void pack_image(int64_t image, int64_t group, int64_t column, int64_t filled, int64_t width,
                  T* to) const {
    const ConvolutionShape& s = args.shape;
    const int64_t taps = s.kernel_size(), channels = s.group_in_channels();
    const T* from = static_cast<const T*>(args.input) +
                    (image * s.in_channels + group * channels) * s.input_size();
    Column columns[dense_max_tile_columns];
    int64_t offsets[dense_max_tile_columns];
    for (int64_t j = 0; j < filled; ++j) {
      const int64_t channel = (column + j) / taps, tap = (column + j) % taps;
      columns[j] = {
          channel * s.input_size(),
          {tap / (s.kernel[1] * s.kernel[2]) * s.dilation[0],
           tap / s.kernel[2] % s.kernel[1] * s.dilation[1], tap % s.kernel[2] * s.dilation[2]}};
      offsets[j] = columns[j].plane + flat(columns[j].tap);
    }
    for (int64_t d = 0; d < s.output[0]; ++d)
      for (int64_t h = 0; h < s.output[1]; ++h)
        for (int64_t w = 0; w < s.output[2]; ++w, to += width)
          pack_position({d, h, w}, from, columns, offsets, filled, to);
  }

  int64_t flat(const std::array<int64_t, 3>& at) const {
    const auto& plane = args.shape.input;
    return (at[0] * plane[1] + at[1]) * plane[2] + at[2];
  }

  void pack_position(const std::array<int64_t, 3>& output, const T* from, const Column* columns,
                     const int64_t* offsets, int64_t filled, T* to) const {
    const ConvolutionShape& s = args.shape;
    std::array<int64_t, 3> start;
    bool interior = true;
    for (size_t d = 0; d < 3; ++d) {
      start[d] = output[d] * s.stride[d] - s.padding[d];
      interior = interior && output[d] >= interior_begin[d] && output[d] < interior_end[d];
    }
    const int64_t base = flat(start);
    if (interior) {
      for (int64_t j = 0; j < filled; ++j) to[j] = from[base + offsets[j]];
      return;
    }
    for (int64_t j = 0; j < filled; ++j) {
      bool inside = true;
      for (size_t d = 0; d < 3; ++d) {
        const int64_t i = start[d] + columns[j].tap[d];
        inside = inside && i >= 0 && i < s.input[d];
      }
      if (inside) to[j] = from[base + offsets[j]];
    }
  }

 public:
  void finish(int64_t, T*, int64_t, int64_t, int64_t, int64_t) const {}
};

// Elements of the parts' results; none where there is at most one part.
int64_t result_elements(const ConvolutionShape& s) {
  const Parts parts = parts_of(s);
  const int64_t weights = s.out_channels * s.group_in_channels() * s.kernel_size();
  return parts.count > 1 ? (parts.count * weights + 15) / 16 * 16 : 0;
}

template <class T>
void backward_weight(const ConvolutionBackwardWeightArgs& args, T* workspace) {
  const ConvolutionShape& s = args.shape;
  const Parts parts = parts_of(s);
  const int64_t weights = s.out_channels * s.group_in_channels() * s.kernel_size();
  T* to = static_cast<T*>(args.weight_gradient);
  if (parts.count == 0) std::fill_n(to, weights, T(0));
  T* results = parts.count > 1 ? workspace : to;
  packed_product<T>(WeightOperands<T>(args, results), workspace + result_elements(s));
  if (parts.count <= 1) return;
  parallel_range(weights, 4096, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) to[i] = results[i];
    for (int64_t part = 1; part < parts.count; ++part)
      for (int64_t i = begin; i < end; ++i) to[i] += results[part * weights + i];
  });
}

}  // namespace

void convolution_backward_weight_cpu_packed(const ConvolutionBackwardWeightArgs& args,
                                            void* workspace) {
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    backward_weight<T>(args, static_cast<T*>(workspace));
  });
}

int64_t convolution_backward_weight_packed_workspace(DType dtype, const ConvolutionShape& shape) {
  return dispatch_float(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const int64_t packed = packed_product_elements<T>(WeightOperands<T>::sizes_of(shape));
    return (result_elements(shape) + packed) * static_cast<int64_t>(sizeof(T));
  });
}

}  // namespace gradus::kernels
