// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/dense_cut.h"

#include <algorithm>

#include "kernels/cpu/dense_tile.h"

namespace gradus::kernels {
namespace {

int64_t blocks_of(int64_t count, int64_t size) { return (count + size - 1) / size; }

constexpr int64_t most_k_block = 384;
constexpr int64_t most_shared = 1 << 20;  // elements of a right operand that is packed at once
constexpr int64_t most_tasks = 128;       // of one product
constexpr int64_t candidates[] = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64};

// Equal blocks of at most as many steps as fill a panel's share of the L1 cache, in eights.
int64_t k_block_of(const DenseSizes& sizes) {
  const int64_t fitting = dense_panel_bytes / (sizes.tile_columns * sizes.element_bytes);
  const int64_t blocks = std::max<int64_t>(blocks_of(sizes.k, std::min(fitting, most_k_block)), 1);
  return std::max<int64_t>(blocks_of(blocks_of(sizes.k, blocks), 8) * 8, 8);
}

// Long sums of a small result are cut, so that there are tasks enough without copying an operand
// many times.
int64_t k_parts_of(const DenseSizes& sizes) {
  constexpr int64_t steps = 1024, results = 1 << 16, most = 8;
  if (sizes.items != 1 || sizes.k < 2 * steps || sizes.m * sizes.n > results) return 1;
  return std::min(sizes.k / (steps / 4), most);
}

// Cycles of a task: what its multiplications need at two vectors a cycle, the packing of its
// operands, and its start (measured, Zen 3). In floating point: shapes may be hostile.
double task_cycles(const DenseSizes& sizes, int64_t tiles, int64_t panels, int64_t steps,
                   bool shared) {
  const double rows = static_cast<double>(tiles) * sizes.tile_rows;
  const double columns = static_cast<double>(panels);
  const double left = sizes.transpose_a ? rows / 2 : 0, right = shared ? 1 : 10;
  return (rows * columns + left + columns * right) * static_cast<double>(steps) + 2000;
}

// The time with 2, 4, 8 and 16 threads, times the number of threads, the few weighing more.
double total_cycles(double task, int64_t tasks) {
  double sum = 0;
  for (const int64_t threads : {2, 4, 8, 16})
    sum += static_cast<double>(blocks_of(tasks, threads) * 16) * task;
  return sum;
}

}  // namespace

DenseCut cut_dense(const DenseSizes& sizes) {
  DenseCut cut;
  cut.k_block = k_block_of(sizes);
  const int64_t k_blocks = std::max<int64_t>(blocks_of(sizes.k, cut.k_block), 1);
  cut.part_steps = blocks_of(k_blocks, k_parts_of(sizes)) * cut.k_block;
  cut.k_parts = std::max<int64_t>(blocks_of(sizes.k, cut.part_steps), 1);
  const int64_t tiles = blocks_of(sizes.m, sizes.tile_rows);
  const int64_t panels = blocks_of(sizes.n, sizes.tile_columns);
  const int64_t tile_bytes = sizes.tile_rows * cut.k_block * sizes.element_bytes;
  const int64_t most_tiles = std::max<int64_t>(dense_left_bytes / tile_bytes, 1);
  const auto shares = [&](int64_t row_blocks) {
    return sizes.items == 1 && row_blocks >= 4 &&
           sizes.k <= most_shared / std::max<int64_t>(sizes.n, 1);
  };
  double least = -1;
  for (const int64_t row_parts : candidates) {
    if (row_parts > tiles) break;
    const int64_t task_tiles = std::min(blocks_of(tiles, row_parts), most_tiles);
    const int64_t row_blocks = blocks_of(tiles, task_tiles);
    for (const int64_t column_parts : candidates) {
      if (column_parts > panels || (column_parts > 1 && row_blocks * column_parts > most_tasks))
        break;
      const int64_t task_panels = blocks_of(panels, column_parts);
      const int64_t column_blocks = blocks_of(panels, task_panels);
      const double cycles = total_cycles(
          task_cycles(sizes, task_tiles, task_panels, cut.part_steps, shares(row_blocks)),
          sizes.items * cut.k_parts * row_blocks * column_blocks);
      if (least >= 0 && cycles >= least) continue;
      least = cycles;
      cut.rows = task_tiles * sizes.tile_rows;
      cut.columns = task_panels * sizes.tile_columns;
      cut.row_blocks = row_blocks;
      cut.column_blocks = column_blocks;
    }
  }
  cut.share_right = shares(cut.row_blocks);
  return cut;
}

}  // namespace gradus::kernels
