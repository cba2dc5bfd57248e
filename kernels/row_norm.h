// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/dtype.h"
#include "engine/base/stream_handle.h"

namespace gradus::kernels {

// How a matrix (rows, cols) is normalised and which weight each element has. Element (r, c) has
// weight (r % period) * (cols / inner) + c / inner:
//   layer_norm, rms_norm   rows = leading dims, cols = normalized_shape, period 1, inner 1
//   group_norm             rows = (batch, group), cols = (channels of a group, space), period =
//                          groups, inner = space
struct RowNormShape {
  int64_t rows, cols, period, inner;

  int64_t weights() const { return period * (cols / inner); }
  int64_t weight_of(int64_t row, int64_t col) const {
    return row % period * (cols / inner) + col / inner;
  }
};

// mean = sum(x) / cols, rstd = 1 / sqrt(sum((x - mean)^2) / cols + eps), of each row;
// y = (x - mean) * rstd * weight + bias.  Without `mean` (rms_norm): the same with mean = 0.
// With `mean`, a row whose squares overflow has rstd NaN, not 0, as PyTorch's. Those of f32 are
// summed in f64 where they do, so that only a row with an infinity is one.
// Requires: dense row-major, everything of `dtype` (f32 or f64); weight and bias may be null (1 and
// 0), each shape.weights() long; inner > 0 divides cols. mean (or null) and rstd have `rows`
// elements. y may be x.
struct RowNormArgs {
  DType dtype;
  const void *x, *weight, *bias;
  void *y, *mean, *rstd;
  RowNormShape shape;
  double eps;
};

void row_norm_cpu(const RowNormArgs& args);
void row_norm_row_cpu(const RowNormArgs& args, int64_t row);  // f32; one row
void row_norm_avx2(const RowNormArgs& args);                  // f32
void row_norm_avx512(const RowNormArgs& args);

// Beside x of f16 or bf16, CUDA takes weights and statistics of that dtype or of f32; else all are
// of x's. Dtypes of what is null say nothing.
struct RowNormTypes {
  DType weight, bias, mean, rstd;
};

// f64, and f32, f16, bf16 computed in f32 with sums in f64.
void row_norm_cuda(const RowNormArgs& args, const RowNormTypes& types, StreamHandle stream);

// With h = (x - mean) * rstd, g = dy * weight and averages over a row:
//   dx = rstd * (g - average(g) - h * average(g * h))      (without `mean`: no average(g))
//   dweight = sum of dy * h, dbias = sum of dy, over the elements that share the weight.
// Exactly this formula, whatever mean and rstd are. Requires: as above; weight may be null, and
// then dweight and dbias are null. workspace: row_norm_backward_workspace bytes for the avx
// variants, whose sums run over chunks of about 64 rows, then over chunks in order.
struct RowNormBackwardArgs {
  DType dtype;
  const void *dy, *x, *mean, *rstd, *weight;
  void *dx, *dweight, *dbias;
  RowNormShape shape;
  void* workspace = nullptr;
};

// Rows of one chunk of the weight gradients: a whole number of periods.
inline int64_t row_norm_chunk_rows(const RowNormShape& shape) {
  return shape.period >= 64 ? shape.period : 64 / shape.period * shape.period;
}
inline int64_t row_norm_chunks(const RowNormShape& shape) {
  const int64_t rows = row_norm_chunk_rows(shape);
  return (shape.rows + rows - 1) / rows;
}
inline int64_t row_norm_backward_workspace(const RowNormShape& shape) {
  return row_norm_chunks(shape) * shape.weights() * 2 * static_cast<int64_t>(sizeof(float));
}

void row_norm_backward_cpu(const RowNormBackwardArgs& args);
void row_norm_backward_avx2(const RowNormBackwardArgs& args);  // f32
void row_norm_backward_avx512(const RowNormBackwardArgs& args);
// As row_norm_cuda; dweight and dbias are of types.weight. workspace:
// row_norm_backward_cuda_workspace bytes where there is a weight.
void row_norm_backward_cuda(const RowNormBackwardArgs& args, const RowNormTypes& types,
                            StreamHandle stream);
int64_t row_norm_backward_cuda_workspace(const RowNormShape& shape);

}  // namespace gradus::kernels
