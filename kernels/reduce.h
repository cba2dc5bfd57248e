// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "engine/base/dtype.h"
#include "engine/base/shape.h"
#include "engine/base/stream_handle.h"

namespace gradus::kernels {

//   sum, prod   in f64 for floats, modulo 2^64 for integers and bool
//   mean        sum / count; NaN where nothing is reduced
//   amax, amin  the extreme; NaN wins; at least one element
//   any, all    of x != 0, stored as 0 or 1
//   norm        (sum |x|^p)^(1/p) with p = parameter; p = 0 counts x != 0; p = +-inf: extreme of
//   |x| logsumexp   log(sum exp(x)), stable; -inf where nothing is reduced var, std    sum (x -
//   mean)^2 / max(0, count - parameter), and its root (two passes in f64)
enum class Reduction { sum, mean, prod, amax, amin, any, all, norm, logsumexp, var, std };

// out[k] = reduction over r of x[k, r], where k runs over the kept and r over the reduced dims,
// both in row-major order. Requires: x of `dtype` is dense row-major; out is of `out_dtype`, which
// is x's for amax and amin and floating for mean, norm, logsumexp, var and std. A floating x with
// an integer out_dtype (sum, prod) is truncated element by element first.
struct ReduceArgs {
  Reduction reduction;
  DType dtype;
  const void* x;
  DType out_dtype;
  void* out;
  Shape shape;
  std::array<bool, Shape::max_rank> reduced;
  double parameter = 0;
  void* workspace = nullptr;  // as many bytes as the kernel's ..._workspace() says
};

void reduce_cpu(const ReduceArgs& args);

// sum, mean, amax and amin of f32 into f32. Sums run in 16 f32 partial sums per 1024 elements,
// which are then added in f64 in a fixed order.
void reduce_cpu_blocks(const ReduceArgs& args);
bool reduce_cpu_blocks_usable(const ReduceArgs& args);
int64_t reduce_cpu_blocks_workspace(const ReduceArgs& args);

// sum, mean, prod, amax, amin, any, all and norm of floats (but those of 8 bits), i64, i32, u8 and
// bool. Sums and products run in f64, in an order that the shape fixes.
void reduce_cuda(const ReduceArgs& args, StreamHandle stream);
bool reduce_cuda_usable(const ReduceArgs& args);
int64_t reduce_cuda_workspace(const ReduceArgs& args);

// dx[k, r] = dy[k] * product over s != r of x[k, s]: exact where some x are 0. Types: f32, f64.
struct ProdBackwardArgs {
  DType dtype;
  const void* dy;
  const void* x;
  void* dx;
  Shape shape;
  std::array<bool, Shape::max_rank> reduced;
};

void prod_backward_cpu(const ProdBackwardArgs& args);

}  // namespace gradus::kernels
