// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/cpu/convolution_taps.h"

namespace gradus::kernels {

// For a block of positions of a grid over all images: where in a channels-last tensor each of them
// reads through a group of neighbouring taps. Positions that read nothing inside are left out, so
// that no product with zeros is formed for them. Of the rest, a tap outside reads a line of zeros.
//
// Where there are few channels, what a position reads through the whole group is copied to one line
// instead, as if through one tap of group_depth() channels.
class ConvolutionRows {
 public:
  static constexpr int64_t most_positions = 192;
  static constexpr int64_t most_elements = 320;  // of a group of several taps

  // Reads `depth` of each row's `row_elements` from `source` on.
  ConvolutionRows(const TapMap& map, const float* source, int64_t row_elements, int64_t depth,
                  int64_t group_taps);

  // How many taps make a group, of about `elements` channels together where it is not copied.
  static int64_t group_taps(const TapMap& map, int64_t depth, int64_t elements);

  // Chooses at most most_positions positions [first, first + count) of the images one after the
  // other.
  void set_positions(int64_t first, int64_t count);
  // Chooses at most group_taps taps.
  void set_taps(int64_t tap, int64_t taps);

  // Of the chosen positions and taps: entry i is for position at()[i] of the block.
  int64_t count() const { return count_; }
  const int64_t* at() const { return at_; }
  // The pointers of tap t begin at x() + t * x_step().
  const float* const* x() const { return x_[0]; }
  static constexpr int64_t x_step() { return most_positions; }
  int64_t taps() const { return copies_ ? 1 : taps_; }
  int64_t depth() const { return copies_ ? taps_ * depth_ : depth_; }
  // How much of a row may be read: copies go on with zeros.
  int64_t padded_depth() const { return copies_ ? line() : depth_; }
  // Whether chosen position i of the block is in at().
  bool reads(int64_t i) const { return reads_[i]; }

 private:
  static constexpr int64_t most_taps = 16;  // of a group of pointers
  static constexpr int64_t copied_elements = 64;
  static constexpr int64_t copied_channels = 15;  // most for copies
  static constexpr int64_t copied_multiple = 32;

  // Neighbouring positions of one line of the grid.
  struct Segment {
    const float* image;
    int64_t depth, height, width;  // of its first position
    int64_t first, count;          // in the block
  };
  // The positions of one dim that are inside through a tap, first + k * step for k < count, and
  // what they read, source + k * source_step.
  struct Inside {
    int64_t first, count, step, source, source_step;
  };

  Inside inside(size_t dim, int64_t tap) const;
  int64_t source_index(size_t dim, int64_t position, int64_t tap) const;
  template <class Emit>
  void each_inside(int64_t tap, Emit&& emit) const;
  // Elements of a copied line.
  int64_t line() const {
    return (taps_ * depth_ + copied_multiple - 1) / copied_multiple * copied_multiple;
  }
  void copy_lines(int64_t tap);
  void copy_tap(int64_t tap, int64_t index);
  void keep_readers();

  const TapMap map_;
  const float* const source_;
  const int64_t row_elements_, depth_;
  const bool copies_;
  int64_t taps_ = 0, count_ = 0, positions_ = 0, segments_ = 0;
  Segment segment_[most_positions];
  const float* x_[most_taps][most_positions];
  int64_t at_[most_positions];
  bool reads_[most_positions];
  alignas(64) float copied_[most_positions * copied_elements];
};

}  // namespace gradus::kernels
