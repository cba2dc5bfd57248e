// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "kernels/convolution.h"
#include "kernels/cpu/dense_tile.h"

namespace gradus::kernels {

// Which element of a plane each position of a grid reads through a tap. Forward: output positions
// read the input; backward: input positions read the output.
struct TapMap {
  std::array<int64_t, 3> grid, plane, kernel;
  std::array<int64_t, 3> multiply, offset, step, divide;

  static TapMap forward(const ConvolutionShape& s) {
    TapMap map{s.output, s.input, s.kernel, s.stride, {}, s.dilation, {1, 1, 1}};
    for (size_t d = 0; d < 3; ++d) map.offset[d] = -s.padding[d];
    return map;
  }
  static TapMap backward(const ConvolutionShape& s) {
    TapMap map{s.input, s.output, s.kernel, {1, 1, 1}, s.padding, s.dilation, s.stride};
    for (int64_t& step : map.step) step = -step;
    return map;
  }

  // The flat index into the plane; it is meaningless where `inside` is false, but runs on in steps
  // of 1 where the positions do.
  int64_t index(int64_t position, int64_t tap, bool& inside) const {
    const std::array<int64_t, 3> at{position / (grid[1] * grid[2]), position / grid[2] % grid[1],
                                    position % grid[2]};
    const std::array<int64_t, 3> t{tap / (kernel[1] * kernel[2]), tap / kernel[2] % kernel[1],
                                   tap % kernel[2]};
    int64_t flat = 0;
    inside = true;
    for (size_t d = 0; d < 3; ++d) {
      const int64_t scaled = at[d] * multiply[d] + offset[d] + t[d] * step[d];
      const int64_t i = scaled / divide[d];
      inside = inside && scaled >= 0 && i * divide[d] == scaled && i < plane[d];
      flat = flat * plane[d] + i;
    }
    return flat;
  }
};

// What up to a tile's width of neighbouring positions read through one tap.
template <class T>
class TapRow {
 public:
  TapRow(const TapMap& map, int64_t position, int64_t count, int64_t tap) : count_(count) {
    for (int64_t j = 0; j < count; ++j) {
      bool inside;
      index_[j] = map.index(position + j, tap, inside);
      mask_[j] = inside ? ~Bits{0} : Bits{0};
      run_ = run_ && index_[j] == index_[0] + j;
    }
  }

  // to[j] = what position j reads of the plane that begins at `from`, 0 outside. All of [from -
  // before, from + after) may be read.
  void read(const T* from, int64_t before, int64_t after, T* to) const {
    if (run_ && index_[0] >= -before && index_[0] + count_ <= after) {
      const T* source = from + index_[0];
      for (int64_t j = 0; j < count_; ++j)
        to[j] = std::bit_cast<T>(std::bit_cast<Bits>(source[j]) & mask_[j]);
    } else {
      for (int64_t j = 0; j < count_; ++j) to[j] = mask_[j] ? from[index_[j]] : T(0);
    }
  }

 private:
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;

  int64_t count_;
  bool run_ = true;
  int64_t index_[dense_max_tile_columns];
  Bits mask_[dense_max_tile_columns];
};

}  // namespace gradus::kernels
