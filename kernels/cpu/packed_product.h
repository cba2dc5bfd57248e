// SPDX-License-Identifier: Apache-2.0
// Matrix products whose operands are packed by the caller: a plain matrix, or the patches of a
// convolution. Blocking as in Goto and van de Geijn, "Anatomy of high-performance matrix
// multiplication" (2008): the right operand is packed into panels as wide as the register tile,
// blocks of the left one into panels as high; such a block stays in the L2 cache while each panel
// of the right passes through L1. All block sizes come from the shape, so the number of threads
// changes no bit.
#pragma once

#include <algorithm>
#include <optional>
#include <type_traits>

#include "engine/base/parallel.h"
#include "kernels/cpu/dense_tile.h"

namespace gradus::kernels {

inline constexpr int64_t packed_k_block = 256;
inline constexpr int64_t packed_block_rows = 96;
inline constexpr int64_t packed_elements = 1 << 20;  // of the right operand, packed at a time
inline constexpr int64_t packed_tasks = 16;          // wanted of one pass

// `items` independent products (m, k) x (k, n).
struct PackedSizes {
  int64_t items = 0, m = 0, n = 0, k = 0;
};

// What packed_product() needs to know of its operands. Rows and columns past the end are packed as
// zeros.
template <class T>
struct PackedOperands {
  PackedSizes sizes;
  int64_t ldc = 0;
  bool accumulate = false;
  // Where the result of an item begins.
  // T* result(int64_t item) const;
  // Columns [column, column + width) as k rows of `width` elements.
  // void pack_columns(int64_t item, int64_t column, int64_t width, T* to) const;
  // Rows [row, row + count), steps [k0, k1), as panels of `height` rows, each (k1 - k0, height).
  // void pack_rows(int64_t item, int64_t row, int64_t count, int64_t k0, int64_t k1,
  //                int64_t height, T* to) const;
  // Applied to c (rows, columns), at (row, column) of the product, when its sums are complete.
  // void finish(int64_t item, T* c, int64_t row, int64_t rows, int64_t column,
  //             int64_t columns) const;
};

namespace detail {

inline int64_t packed_blocks(int64_t count, int64_t size) { return (count + size - 1) / size; }

// How one call is cut. A pass covers some columns of some items; its tasks are (item, block of
// rows, group of panels).
struct PackedCut {
  int64_t pass_columns, pass_items, block_rows, row_blocks;
};

template <class T>
PackedCut packed_cut(const PackedSizes& sizes) {
  const DenseTile<T>& tile = dense_tile<T>();
  PackedCut cut{0, 0, 0, 0};
  const int64_t depth = std::max<int64_t>(sizes.k, 1);
  const int64_t panels = packed_blocks(sizes.n, tile.columns);
  const int64_t fitting = std::max<int64_t>(packed_elements / (depth * tile.columns), 1);
  cut.pass_columns = std::min(panels, fitting) * tile.columns;
  cut.pass_items = std::clamp<int64_t>(fitting / std::max<int64_t>(panels, 1), 1,
                                       std::max<int64_t>(sizes.items, 1));
  const int64_t most_rows = packed_block_rows / tile.rows * tile.rows;
  cut.row_blocks = packed_blocks(sizes.m, most_rows);
  if (cut.row_blocks > 0)
    cut.block_rows = packed_blocks(packed_blocks(sizes.m, cut.row_blocks), tile.rows) * tile.rows;
  return cut;
}

// c (rows, columns) = or += a panel of packed rows times a panel of packed columns.
template <class T>
void multiply_panels(const DenseTile<T>& tile, int64_t depth, const T* a, const T* b, T* c,
                     int64_t ldc, int64_t rows, int64_t columns, bool add) {
  const bool whole = columns == tile.columns;
  tile.multiply_packed.run[whole][rows - 1](
      {depth, a, 0, b, c, ldc, static_cast<int>(columns), add, nullptr});
}

// Rows [row, row + count) by columns [column, end) of one item; `panels` holds the packed columns
// from `column` on.
template <class T, class Operands>
void multiply_block(const Operands& operands, int64_t item, const T* panels, int64_t row,
                    int64_t count, int64_t column, int64_t end) {
  const DenseTile<T>& tile = dense_tile<T>();
  const int64_t depth = operands.sizes.k, ldc = operands.ldc;
  alignas(64) T block[packed_block_rows * packed_k_block];
  T* corner = operands.result(item) + row * ldc + column;
  for (int64_t k0 = 0; k0 < depth; k0 += packed_k_block) {
    const int64_t k1 = std::min(k0 + packed_k_block, depth);
    operands.pack_rows(item, row, count, k0, k1, tile.rows, block);
    for (int64_t j = column; j < end; j += tile.columns) {
      const T* panel = panels + (j - column) * depth + k0 * tile.columns;
      for (int64_t r = 0; r < count; r += tile.rows)
        multiply_panels<T>(tile, k1 - k0, block + r * (k1 - k0), panel,
                           corner + r * ldc + j - column, ldc,
                           std::min<int64_t>(tile.rows, count - r),
                           std::min<int64_t>(tile.columns, end - j), k0 > 0 || operands.accumulate);
    }
  }
  if (depth == 0 && !operands.accumulate)
    for (int64_t r = 0; r < count; ++r) std::fill_n(corner + r * ldc, end - column, T(0));
  operands.finish(item, corner, row, count, column, end - column);
}

// `items` items from `item` on, columns [column, end): packs them, then multiplies.
template <class T, class Operands>
void multiply_pass(const Operands& operands, const PackedCut& cut, int64_t item, int64_t items,
                   int64_t column, int64_t end, T* packed) {
  const int64_t width = dense_tile<T>().columns, panels = packed_blocks(end - column, width);
  const int64_t panel_elements = width * operands.sizes.k;
  parallel_for(items * panels, [&](int64_t task) {
    operands.pack_columns(item + task / panels, column + task % panels * width, width,
                          packed + task * panel_elements);
  });
  const int64_t wanted = std::max<int64_t>(packed_tasks / (items * cut.row_blocks), 1);
  const int64_t group = std::max(packed_blocks(panels, wanted), std::min<int64_t>(panels, 4));
  const int64_t groups = packed_blocks(panels, group), parts = cut.row_blocks * groups;
  parallel_for(items * parts, [&](int64_t task) {
    std::optional<FlushDenormals> flush;
    if constexpr (std::is_same_v<T, float>) flush.emplace();
    const int64_t i = task / parts, part = task % parts, first = part % groups * group;
    const int64_t row = part / groups * cut.block_rows;
    if (row >= operands.sizes.m) return;
    multiply_block<T>(operands, item + i, packed + (i * panels + first) * panel_elements, row,
                      std::min(cut.block_rows, operands.sizes.m - row), column + first * width,
                      std::min(column + (first + group) * width, end));
  });
}

}  // namespace detail

// Elements of T that packed_product() needs at `packed`.
template <class T>
int64_t packed_product_elements(const PackedSizes& sizes) {
  const detail::PackedCut cut = detail::packed_cut<T>(sizes);
  return cut.pass_items * cut.pass_columns * sizes.k;
}

// Runs all products; an element's k products are added in order. Operands is derived from
// PackedOperands<T> and defines the functions named there.
template <class T, class Operands>
void packed_product(const Operands& operands, T* packed) {
  const PackedSizes& sizes = operands.sizes;
  if (sizes.items == 0 || sizes.m == 0 || sizes.n == 0) return;
  const detail::PackedCut cut = detail::packed_cut<T>(sizes);
  for (int64_t item = 0; item < sizes.items; item += cut.pass_items)
    for (int64_t column = 0; column < sizes.n; column += cut.pass_columns)
      detail::multiply_pass<T>(operands, cut, item, std::min(cut.pass_items, sizes.items - item),
                               column, std::min(column + cut.pass_columns, sizes.n), packed);
}

// Rows of a stored matrix: element (r, k) at from[r * row_step + k * k_step]. `rows` is how many
// there are from `from` on.
template <class T>
void pack_matrix_rows(const T* from, int64_t row_step, int64_t k_step, int64_t rows, int64_t count,
                      int64_t depth, int64_t height, T* to) {
  for (int64_t panel = 0; panel < count; panel += height, to += height * depth) {
    const int64_t filled = std::clamp<int64_t>(rows - panel, 0, height);
    const T* first = from + panel * row_step;
    if (filled < height) std::fill_n(to, height * depth, T(0));
    if (row_step == 1) {
      for (int64_t k = 0; k < depth; ++k) std::copy_n(first + k * k_step, filled, to + k * height);
    } else {
      for (int64_t r = 0; r < filled; ++r)
        for (int64_t k = 0; k < depth; ++k) to[k * height + r] = first[r * row_step + k * k_step];
    }
  }
}

}  // namespace gradus::kernels
