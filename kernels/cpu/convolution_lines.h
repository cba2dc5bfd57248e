// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "kernels/convolution.h"

namespace gradus::kernels {

// Blocks of output positions of a channels-last convolution of few input channels, and a copy of
// what each block reads with zeros for what is outside. In the copy everything that a position
// reads through one line of the kernel stands together, and the next position reads the same
// `position_step()` further on: one table of places serves all positions.
class ConvolutionLines {
 public:
  static constexpr int64_t most_elements = 8192;  // of a copy: it shares the L1 cache
  static constexpr int64_t most_places = 512;
  static constexpr int64_t most_positions = 192;  // of a block
  static constexpr int64_t most_channels = 15;

  // Output positions (depth, height .. height + heights, width .. width + widths) of an image.
  struct Block {
    int64_t image, depth, height, heights, width, widths;
    int64_t positions() const { return heights * widths; }
  };

  explicit ConvolutionLines(const ConvolutionShape& shape);

  // Whether a block is worth its copy: few channels that stand together, of one group. Nothing else
  // may be asked for where it is not.
  bool fits() const { return fits_; }

  int64_t image_blocks() const { return shape_.output[0] * height_blocks_ * width_blocks_; }
  Block block(int64_t image, int64_t index) const;
  // The first position of a block among all output positions.
  int64_t first_position(const Block& block) const;
  // What the block reads of `input`, the whole tensor.
  void copy(const Block& block, const float* input, float* to) const;

  // Where the first position of a block finds what weight (tap, channel) multiplies, tap by tap.
  const int64_t* places() const { return places_; }
  int64_t place_count() const { return place_count_; }
  int64_t position_step() const { return shape_.stride[2] * shape_.in_channels; }
  int64_t height_step() const { return shape_.stride[1] * line_; }

 private:
  bool cut();
  void fill_places();

  const ConvolutionShape shape_;
  bool fits_ = false;
  int64_t heights_ = 0, widths_ = 0;  // of a block
  int64_t height_blocks_ = 0, width_blocks_ = 0;
  int64_t line_ = 0, lines_ = 0;  // elements of a copied line, lines of a copied plane
  int64_t place_count_ = 0;
  int64_t places_[most_places];
};

}  // namespace gradus::kernels
