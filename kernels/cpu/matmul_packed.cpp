// SPDX-License-Identifier: Apache-2.0
// Blocking as in Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008):
// b is packed into panels as wide as the register tile, blocks of a into panels as high; a block of
// a stays in the L2 cache while each panel of b passes through L1. All block sizes come from the
// shape, so the number of threads changes no bit.
#include <algorithm>
#include <optional>

#include "engine/base/dispatch.h"
#include "engine/base/parallel.h"
#include "kernels/cpu/activation.h"
#include "kernels/cpu/matmul_tile.h"
#include "kernels/matmul.h"

namespace gradus::kernels {
namespace {

constexpr int64_t k_block = 256;
constexpr int64_t max_block_rows = 96;
constexpr int64_t packed_elements = 1 << 20;  // of b, packed at a time
constexpr int64_t wanted_tasks = 16;

int64_t blocks(int64_t count, int64_t size) { return (count + size - 1) / size; }

// How one call is cut. A pass covers some columns of some batch items; its tasks are (item, block
// of rows, group of panels).
struct Cut {
  int64_t tile_rows, tile_columns;
  int64_t pass_columns, pass_items;
  int64_t block_rows, row_blocks;
};

template <class T>
Cut cut(const MatmulArgs& args) {
  const MatmulTile<T>& tile = matmul_tile<T>();
  Cut cut{tile.rows, tile.columns, 0, 0, 0, 0};
  const int64_t depth = std::max<int64_t>(args.k, 1);
  const int64_t panels = blocks(args.n, cut.tile_columns);
  const int64_t fitting = std::max<int64_t>(packed_elements / (depth * cut.tile_columns), 1);
  cut.pass_columns = std::min(panels, fitting) * cut.tile_columns;
  cut.pass_items = std::clamp<int64_t>(fitting / std::max<int64_t>(panels, 1), 1,
                                       std::max<int64_t>(args.batch.numel(), 1));
  const int64_t most_rows = max_block_rows / cut.tile_rows * cut.tile_rows;
  cut.row_blocks = blocks(args.m, most_rows);
  if (cut.row_blocks > 0)
    cut.block_rows = blocks(blocks(args.m, cut.row_blocks), cut.tile_rows) * cut.tile_rows;
  return cut;
}

// Columns [column, column + width) of op(b) as k rows of `width` elements, zeros past n.
template <class T>
void pack_columns(const MatmulArgs& args, const T* b, int64_t column, int64_t width, T* to) {
  const int64_t filled = std::min(width, args.n - column);
  if (args.transpose_b) {
    for (int64_t j = 0; j < filled; ++j) {
      const T* from = b + (column + j) * args.ldb;
      for (int64_t k = 0; k < args.k; ++k) to[k * width + j] = from[k];
    }
  } else {
    for (int64_t k = 0; k < args.k; ++k)
      std::copy_n(b + k * args.ldb + column, filled, to + k * width);
  }
  if (filled < width)
    for (int64_t k = 0; k < args.k; ++k)
      std::fill(to + k * width + filled, to + (k + 1) * width, T(0));
}

// Rows [row, row + count) and steps [k0, k1) of op(a): panels of `height` rows, zeros past m.
template <class T>
void pack_rows(const MatmulArgs& args, const T* a, int64_t row, int64_t count, int64_t k0,
               int64_t k1, int64_t height, T* to) {
  const int64_t depth = k1 - k0;
  for (int64_t panel = 0; panel < count; panel += height, to += height * depth) {
    const int64_t filled = std::clamp<int64_t>(args.m - row - panel, 0, height);
    if (filled < height) std::fill(to, to + height * depth, T(0));
    if (args.transpose_a) {
      for (int64_t k = 0; k < depth; ++k)
        std::copy_n(a + (k0 + k) * args.lda + row + panel, filled, to + k * height);
    } else {
      for (int64_t r = 0; r < filled; ++r) {
        const T* from = a + (row + panel + r) * args.lda + k0;
        for (int64_t k = 0; k < depth; ++k) to[k * height + r] = from[k];
      }
    }
  }
}

// bias and activation of c (rows, columns), whose first column is `column` of the product.
template <class T>
void finish(const MatmulArgs& args, T* c, int64_t rows, int64_t columns, int64_t column) {
  const T* bias = static_cast<const T*>(args.bias);
  for (int64_t r = 0; r < rows; ++r) {
    T* row = c + r * args.ldc;
    if (bias)
      for (int64_t j = 0; j < columns; ++j) row[j] += bias[column + j];
    if (args.activation == Activation::relu)
      for (int64_t j = 0; j < columns; ++j) row[j] = row[j] <= T(0) ? T(0) : row[j];
    else if (args.activation != Activation::none)
      for (int64_t j = 0; j < columns; ++j) row[j] = activate(row[j], args.activation);
  }
}

// c (rows, columns) = or += a panel times b panel, by way of a full tile where c is smaller.
template <class T>
void multiply_panel(const MatmulTile<T>& tile, int64_t depth, const T* a, const T* b, T* c,
                    int64_t ldc, int64_t rows, int64_t columns, bool add) {
  if (rows == tile.rows && columns == tile.columns) return tile.run(depth, a, b, c, ldc, add);
  alignas(64) T full[matmul_max_tile_rows * matmul_max_tile_columns];
  tile.run(depth, a, b, full, tile.columns, false);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < columns; ++j)
      c[r * ldc + j] =
          add ? c[r * ldc + j] + full[r * tile.columns + j] : full[r * tile.columns + j];
}

// Rows [row, row + count) by columns [column, end) of one product; `panels` holds the packed
// columns from `column` on.
template <class T>
void multiply_block(const MatmulArgs& args, const T* a, const T* panels, T* c, int64_t row,
                    int64_t count, int64_t column, int64_t end) {
  const MatmulTile<T>& tile = matmul_tile<T>();
  alignas(64) T block[max_block_rows * k_block];
  T* corner = c + row * args.ldc + column;
  for (int64_t k0 = 0; k0 < args.k; k0 += k_block) {
    const int64_t k1 = std::min(k0 + k_block, args.k), depth = k1 - k0;
    pack_rows(args, a, row, count, k0, k1, tile.rows, block);
    for (int64_t j = column; j < end; j += tile.columns) {
      const T* panel = panels + (j - column) * args.k + k0 * tile.columns;
      for (int64_t r = 0; r < count; r += tile.rows)
        multiply_panel<T>(tile, depth, block + r * depth, panel, corner + r * args.ldc + j - column,
                          args.ldc, std::min<int64_t>(tile.rows, count - r),
                          std::min<int64_t>(tile.columns, end - j), k0 > 0 || args.accumulate);
    }
  }
  if (args.k == 0 && !args.accumulate)
    for (int64_t r = 0; r < count; ++r) std::fill_n(corner + r * args.ldc, end - column, T(0));
  finish(args, corner, count, end - column, column);
}

// Batch items [item, item + items) of columns [column, end): packs b, then multiplies.
template <class T>
void multiply_pass(const MatmulArgs& args, const Cut& cut, int64_t item, int64_t items,
                   int64_t column, int64_t end, T* packed) {
  const int64_t width = cut.tile_columns, panels = blocks(end - column, width);
  const int64_t item_elements = panels * width * args.k;
  parallel_for(items * panels, [&](int64_t task) {
    const int64_t i = task / panels, panel = task % panels;
    const T* b = static_cast<const T*>(args.b) + matmul_offsets(args, item + i).b;
    pack_columns(args, b, column + panel * width, width,
                 packed + i * item_elements + panel * width * args.k);
  });
  const int64_t wanted = std::max<int64_t>(wanted_tasks / (items * cut.row_blocks), 1);
  const int64_t group = std::max<int64_t>(blocks(panels, wanted), std::min<int64_t>(panels, 4));
  const int64_t groups = blocks(panels, group);
  parallel_for(items * cut.row_blocks * groups, [&](int64_t task) {
    std::optional<FlushDenormals> flush;
    if (args.dtype == DType::f32) flush.emplace();
    const int64_t i = task / (cut.row_blocks * groups), part = task % (cut.row_blocks * groups);
    const int64_t row = part / groups * cut.block_rows, first = part % groups * group;
    if (row >= args.m) return;
    multiply_block<T>(args, static_cast<const T*>(args.a) + matmul_offsets(args, item + i).a,
                      packed + i * item_elements + first * width * args.k,
                      static_cast<T*>(args.c) + (item + i) * args.c_stride, row,
                      std::min(cut.block_rows, args.m - row), column + first * width,
                      std::min(column + (first + group) * width, end));
  });
}

template <class T>
void multiply(const MatmulArgs& args, T* packed) {
  const int64_t count = args.batch.numel();
  if (count == 0 || args.m == 0 || args.n == 0) return;
  const Cut shape = cut<T>(args);
  for (int64_t item = 0; item < count; item += shape.pass_items)
    for (int64_t column = 0; column < args.n; column += shape.pass_columns)
      multiply_pass<T>(args, shape, item, std::min(shape.pass_items, count - item), column,
                       std::min(column + shape.pass_columns, args.n), packed);
}

}  // namespace

void matmul_cpu_packed(const MatmulArgs& args, void* workspace) {
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    multiply<T>(args, static_cast<T*>(workspace));
  });
}

int64_t matmul_packed_workspace(const MatmulArgs& args) {
  return dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Cut shape = cut<T>(args);
    return shape.pass_items * shape.pass_columns * args.k * static_cast<int64_t>(sizeof(T));
  });
}

}  // namespace gradus::kernels
