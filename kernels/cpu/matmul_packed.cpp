// SPDX-License-Identifier: Apache-2.0
// Blocking after Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008):
// a panel of the right operand, as wide as the register tile, is packed into the L1 cache and meets
// a block of rows of the left one in the L2 cache. Rows that are contiguous in k are read where
// they are. A task packs what it needs itself: no pass over an operand, no barrier.
#include <algorithm>
#include <optional>
#include <type_traits>

#include "engine/base/dispatch.h"
#include "engine/base/parallel.h"
#include "kernels/cpu/activation.h"
#include "kernels/cpu/dense_cut.h"
#include "kernels/cpu/dense_tile.h"
#include "kernels/matmul.h"

namespace gradus::kernels {
namespace {

constexpr int64_t dense_group = 4;  // panels packed at a time: whole cache lines of a plain operand

template <class T>
DenseCut cut_of(const MatmulArgs& args) {
  const DenseTile<T>& tile = dense_tile<T>();
  return cut_dense({args.batch.numel(), args.m, args.n, args.k, args.transpose_a, args.transpose_b,
                    tile.rows, tile.columns, sizeof(T)});
}

// Where a block of rows of the left operand is read: in place, or from a copy in tiles.
template <class T>
struct LeftBlock {
  const T* data;
  int64_t row, tile;  // steps to the next row (not used of a copy) and to the next tile
};

// Rows [row, row + rows), columns [column, column + columns), steps [k, k + steps) of a product.
struct Region {
  int64_t row, rows, column, columns, k, steps;
};

// `count` columns from `column` on, steps [k, k + steps), of the right operand b as panels.
template <class T>
void pack_right(const MatmulArgs& args, const T* b, int64_t k, int64_t steps, int64_t column,
                int64_t count, T* to) {
  const DenseTile<T>& tile = dense_tile<T>();
  if (args.transpose_b)
    tile.pack_columns_transposed(b + column * args.ldb + k, args.ldb, steps, count, to);
  else
    tile.pack_columns(b + k * args.ldb + column, args.ldb, steps, count, to);
}

template <class T>
int64_t packed_columns(int64_t n) {
  const int64_t width = dense_tile<T>().columns;
  return (n + width - 1) / width * width;
}

// The whole right operand of a single product: block of k after block, each as panels.
template <class T>
void pack_shared(const MatmulArgs& args, int64_t k_block, T* shared) {
  const int64_t group = dense_group * dense_tile<T>().columns, columns = packed_columns<T>(args.n);
  const int64_t groups = (args.n + group - 1) / group;
  parallel_for((args.k + k_block - 1) / k_block * groups, [&](int64_t task) {
    const int64_t k = task / groups * k_block, column = task % groups * group;
    const int64_t steps = std::min(k_block, args.k - k);
    pack_right(args, static_cast<const T*>(args.b), k, steps, column,
               std::min(group, args.n - column), shared + k * columns + column * steps);
  });
}

// A task: c points at its first result, in rows of stride ldc. `last` says that the sums of this
// task are complete and take the bias and the activation.
template <class T>
struct Task {
  const MatmulArgs& args;
  const T *a, *b;
  T* c;
  int64_t ldc, k_block;
  bool accumulate, last;
  const T* shared;  // the packed right operand, or null

  void run(const Region& region) const {
    std::optional<FlushDenormals> flush;
    if constexpr (std::is_same_v<T, float>) flush.emplace();
    alignas(64) T copy[dense_left_bytes / sizeof(T)];
    int64_t done = 0;
    do {  // k = 0 still writes its zeros
      Region block = region;
      block.k += done;
      block.steps = std::min(k_block, region.steps - done);
      multiply(block, left_block(block, copy), accumulate || done > 0,
               last && done + block.steps == region.steps);
      done += block.steps;
    } while (done < region.steps);
  }

 private:
  LeftBlock<T> left_block(const Region& block, T* copy) const {
    const DenseTile<T>& tile = dense_tile<T>();
    if (!args.transpose_a)
      return {a + block.row * args.lda + block.k, args.lda, tile.rows * args.lda};
    tile.pack_rows_transposed(a + block.k * args.lda + block.row, args.lda, block.steps, block.rows,
                              copy);
    return {copy, 0, tile.rows * block.steps};
  }

  const T* shared_panels(const Region& block, int64_t first) const {
    if (!shared) return nullptr;
    return shared + block.k * packed_columns<T>(args.n) + (block.column + first) * block.steps;
  }

  void multiply(const Region& block, const LeftBlock<T>& left, bool add, bool complete) const {
    const DenseTile<T>& tile = dense_tile<T>();
    const auto& multiply = args.transpose_a ? tile.multiply_packed : tile.multiply;
    const T* bias = complete ? static_cast<const T*>(args.bias) : nullptr;
    alignas(64) T own[dense_group * dense_panel_bytes / sizeof(T)];
    const int64_t group = dense_group * tile.columns;
    for (int64_t first = 0; first < block.columns; first += group) {
      const int64_t end = std::min(first + group, block.columns);
      const T* panels = shared_panels(block, first);
      if (!panels) {
        pack_right(args, b, block.k, block.steps, block.column + first, end - first, own);
        panels = own;
      }
      for (int64_t j = first; j < end; j += tile.columns) {
        const int filled = static_cast<int>(std::min<int64_t>(tile.columns, end - j));
        DenseTileArgs<T> t{
            block.steps, left.data, left.row, panels + (j - first) * block.steps,      c + j,
            ldc,         filled,    add,      bias ? bias + block.column + j : nullptr};
        const auto& run = multiply.run[filled == tile.columns];
        for (int64_t r = 0; r < block.rows; r += tile.rows) {
          const int64_t rows = std::min<int64_t>(tile.rows, block.rows - r);
          run[static_cast<size_t>(rows - 1)](t);
          t.a += left.tile;
          t.c += tile.rows * ldc;
        }
        if (complete) activate_rows(args.activation, c + j, ldc, block.rows, filled);
      }
    }
  }
};

// Task `index` of the cut; parts of k write to `partial`, (k_parts, m, n).
template <class T>
void run_task(const MatmulArgs& args, const DenseCut& cut, int64_t index, const T* shared,
              T* partial) {
  const int64_t column_block = index % cut.column_blocks;
  index /= cut.column_blocks;
  const int64_t row_block = index % cut.row_blocks;
  index /= cut.row_blocks;
  const int64_t part = index % cut.k_parts, item = index / cut.k_parts;
  Region region{row_block * cut.rows, 0, column_block * cut.columns, 0, part * cut.part_steps, 0};
  region.rows = std::min(cut.rows, args.m - region.row);
  region.columns = std::min(cut.columns, args.n - region.column);
  region.steps = std::min(cut.part_steps, args.k - region.k);
  const MatmulOffsets at = matmul_offsets(args, item);
  const bool whole = cut.k_parts == 1;
  const int64_t ldc = whole ? args.ldc : args.n;
  T* c = whole ? static_cast<T*>(args.c) + item * args.c_stride : partial + part * args.m * args.n;
  Task<T>{args,
          static_cast<const T*>(args.a) + at.a,
          static_cast<const T*>(args.b) + at.b,
          c + region.row * ldc + region.column,
          ldc,
          cut.k_block,
          whole && args.accumulate,
          whole,
          shared}
      .run(region);
}

// Row `row` of c from its parts, in order.
template <class T>
void add_parts(const MatmulArgs& args, int64_t parts, const T* partial, int64_t row) {
  T* c = static_cast<T*>(args.c) + row * args.ldc;
  const T* from = partial + row * args.n;
  const T* bias = static_cast<const T*>(args.bias);
  for (int64_t part = 0; part < parts; ++part, from += args.m * args.n) {
    if (part == 0 && !args.accumulate)
      std::copy_n(from, args.n, c);
    else
      for (int64_t j = 0; j < args.n; ++j) c[j] += from[j];
  }
  if (bias)
    for (int64_t j = 0; j < args.n; ++j) c[j] += bias[j];
  activate_rows(args.activation, c, args.ldc, 1, args.n);
}

// Elements of the workspace: the shared right operand, then the parts of k.
template <class T>
int64_t shared_elements(const MatmulArgs& args, const DenseCut& cut) {
  return cut.share_right ? packed_columns<T>(args.n) * args.k : 0;
}

template <class T>
void run_packed(const MatmulArgs& args, T* workspace) {
  const DenseCut cut = cut_of<T>(args);
  T* shared = cut.share_right ? workspace : nullptr;
  T* partial = workspace + shared_elements<T>(args, cut);
  if (shared) pack_shared(args, cut.k_block, shared);
  parallel_for(args.batch.numel() * cut.k_parts * cut.row_blocks * cut.column_blocks,
               [&](int64_t task) { run_task(args, cut, task, shared, partial); });
  if (cut.k_parts > 1)
    parallel_range(args.m, 16, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) add_parts(args, cut.k_parts, partial, row);
    });
}

}  // namespace

void matmul_cpu_packed(const MatmulArgs& args, void* workspace) {
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    run_packed(args, static_cast<T*>(workspace));
  });
}

int64_t matmul_packed_workspace(const MatmulArgs& args) {
  return dispatch_float(args.dtype, [&](auto tag) -> int64_t {
    using T = typename decltype(tag)::type;
    const DenseCut cut = cut_of<T>(args);
    const int64_t parts = cut.k_parts > 1 ? cut.k_parts * args.m * args.n : 0;
    return (shared_elements<T>(args, cut) + parts) * static_cast<int64_t>(sizeof(T));
  });
}

}  // namespace gradus::kernels
