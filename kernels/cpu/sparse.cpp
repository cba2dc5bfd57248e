// SPDX-License-Identifier: Apache-2.0
#include "kernels/sparse.h"

#include <algorithm>
#include <array>

#include "engine/base/dispatch.h"
#include "engine/base/error.h"
#include "engine/base/parallel.h"

namespace gradus::kernels {
namespace {

constexpr int64_t block = 64;  // columns of a dense matrix that one pass sums in registers or L1
constexpr int64_t row_grain = 16;

int64_t blocks(int64_t width) { return (width + block - 1) / block; }

template <class T>
void multiply_row(const SparseArgs& args, int64_t row, int64_t begin, int64_t end) {
  std::array<double, block> sums{};
  const SparsePattern& pattern = args.pattern;
  const T* values = static_cast<const T*>(args.values);
  for (int64_t e = pattern.crow[row]; e < pattern.crow[row + 1]; ++e) {
    const T* from = static_cast<const T*>(args.dense) + pattern.col[e] * args.width;
    const double value = static_cast<double>(values[e]);
    for (int64_t i = begin; i < end; ++i)
      sums[static_cast<size_t>(i - begin)] += value * static_cast<double>(from[i]);
  }
  T* out = static_cast<T*>(args.out) + row * args.width;
  for (int64_t i = begin; i < end; ++i)
    out[i] = static_cast<T>(sums[static_cast<size_t>(i - begin)]);
}

}  // namespace

void check_pattern(const SparsePattern& pattern, std::string_view op) {
  if (pattern.crow[0] != 0 || pattern.crow[pattern.rows] != pattern.entries)
    failf(ErrorKind::bad_data, op, "crow_indices, expected to run from 0 to {}, got {} to {}",
          pattern.entries, pattern.crow[0], pattern.crow[pattern.rows]);
  for (int64_t row = 0; row < pattern.rows; ++row)
    if (pattern.crow[row + 1] < pattern.crow[row])
      failf(ErrorKind::bad_data, op, "crow_indices at position {}, expected at least {}, got {}",
            row + 1, pattern.crow[row], pattern.crow[row + 1]);
  for (int64_t e = 0; e < pattern.entries; ++e) (void)pattern.col.checked(e, pattern.columns, op);
}

void spmm_cpu(const SparseArgs& args) {
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_range(args.pattern.rows, row_grain, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        for (int64_t i = 0; i < args.width; i += block)
          multiply_row<T>(args, row, i, std::min(i + block, args.width));
    });
  });
}

// Rows of the result collect from anywhere, so threads split its columns.
void spmm_transpose_cpu(const SparseArgs& args) {
  const SparsePattern& pattern = args.pattern;
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* values = static_cast<const T*>(args.values);
    const T* dense = static_cast<const T*>(args.dense);
    T* out = static_cast<T*>(args.out);
    parallel_for(blocks(args.width), [&](int64_t chunk) {
      const int64_t begin = chunk * block, end = std::min(begin + block, args.width);
      for (int64_t c = 0; c < pattern.columns; ++c)
        std::fill(args.sums + c * args.width + begin, args.sums + c * args.width + end, 0.0);
      for (int64_t row = 0; row < pattern.rows; ++row) {
        for (int64_t e = pattern.crow[row]; e < pattern.crow[row + 1]; ++e) {
          double* to = args.sums + pattern.col[e] * args.width;
          const double value = static_cast<double>(values[e]);
          for (int64_t i = begin; i < end; ++i)
            to[i] += value * static_cast<double>(dense[row * args.width + i]);
        }
      }
      for (int64_t c = 0; c < pattern.columns; ++c)
        for (int64_t i = c * args.width + begin; i < c * args.width + end; ++i)
          out[i] = static_cast<T>(args.sums[i]);
    });
  });
}

void sddmm_cpu(const SparseArgs& args) {
  const SparsePattern& pattern = args.pattern;
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T *dense = static_cast<const T*>(args.dense), *other = static_cast<const T*>(args.other);
    T* out = static_cast<T*>(args.out);
    parallel_range(pattern.rows, row_grain, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        for (int64_t e = pattern.crow[row]; e < pattern.crow[row + 1]; ++e) {
          const T *a = dense + row * args.width, *b = other + pattern.col[e] * args.width;
          double sum = 0.0;
          for (int64_t i = 0; i < args.width; ++i)
            sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
          out[e] = static_cast<T>(sum);
        }
      }
    });
  });
}

}  // namespace gradus::kernels
