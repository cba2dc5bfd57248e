// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace gradus::kernels {

// What a cut depends on: the shape of a batch of products, the register tile and the element size,
// never the number of threads.
struct DenseSizes {
  int64_t items = 0, m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;
  int tile_rows = 0, tile_columns = 0, element_bytes = 0;
};

// Tasks are (item, part of k, block of rows, block of columns). Products are added in blocks of
// `k_block` steps, which with k_parts fixes the bits of a result: k_block depends on k alone, and
// k_parts is 1 unless k is long and the result small.
struct DenseCut {
  int64_t k_block = 1, k_parts = 1;
  int64_t rows = 0, columns = 0;  // of a task, multiples of the tile
  int64_t row_blocks = 0, column_blocks = 0;
  bool share_right = false;  // packed once before the tasks, not by each

  // Steps of one part, a multiple of k_block.
  int64_t part_steps = 0;
};

DenseCut cut_dense(const DenseSizes& sizes);

// Of the copy of a block of a left operand that is stored transposed.
inline constexpr int64_t dense_left_bytes = 192 << 10;

}  // namespace gradus::kernels
