// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/base/dtype.h"
#include "kernels/index_array.h"

namespace gradus::kernels {

// The places of a sparse matrix of (rows, columns) in compressed rows: those of row r are columns
// col[crow[r]] .. col[crow[r + 1] - 1].
struct SparsePattern {
  IndexArray crow;  // rows + 1
  IndexArray col;   // entries
  int64_t rows, columns, entries;
};

// Throws Error(bad_data), naming `op`, unless crow rises from 0 to `entries` and every column is in
// [0, columns).
void check_pattern(const SparsePattern& pattern, std::string_view op);

// With A the sparse matrix of `values` and width the columns of the dense ones:
//   spmm:           out (rows, width)    = A dense,            dense (columns, width)
//   spmm_transpose: out (columns, width) = A^T dense,          dense (rows, width)
//   sddmm:          out (entries)        = <dense[row], other[col]> for each place,
//                   dense (rows, width), other (columns, width)
// Entries are added in stored order, in f64. Requires: f32 or f64; a checked pattern; dense
// row-major; for spmm_transpose `sums` of columns * width f64.
struct SparseArgs {
  DType dtype;
  SparsePattern pattern;
  const void* values;  // not for sddmm
  const void* dense;
  const void* other;  // sddmm alone
  void* out;
  int64_t width;
  double* sums = nullptr;
};

void spmm_cpu(const SparseArgs& args);
void spmm_transpose_cpu(const SparseArgs& args);
void sddmm_cpu(const SparseArgs& args);

}  // namespace gradus::kernels
