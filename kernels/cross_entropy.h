// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>

#include "engine/base/dtype.h"
#include "engine/base/stream_handle.h"

namespace gradus::kernels {

enum class LossReduction { none, mean, sum };

// An ignore_index that stands for no position.
inline constexpr int64_t ignores_nothing = std::numeric_limits<int64_t>::min();

// The loss of a classifier at each of outer * inner positions p, over scores x[p, c]:
//
//   L[p] = sum over c of q[p, c] * w[c] * (n[p] - x[p, c])
//
// n = log(sum_c exp(x)) for logits, 0 for log-probabilities; w = weight or 1; q is
// (1 - label_smoothing) * target + label_smoothing / classes, the target being one at the index or
// the given probabilities; q = 0 where the index is ignore_index. mean divides the sum by the sum
// of w[index] over the positions not ignored, or by the number of positions for probabilities; 0 /
// 0 is NaN. Computed in f64. Backward: dx[p, c] = g[p] * (s[p] * softmax(x)[p, c] - q[p, c] *
// w[c]), s = sum_c q * w (softmax read as 0 for log-probabilities), where g is dloss[p], dloss or
// dloss / divisor. Requires: f32 or f64 throughout, dense row-major, classes >= 1; exactly one of
// indices and probabilities. Throws Error(bad_data), naming op, position and value, for an index
// that is neither in [0, classes) nor ignore_index.
struct CrossEntropyArgs {
  std::string_view op;
  DType dtype;
  const void* x;                 // (outer, classes, inner)
  const int64_t* indices;        // (outer, inner)
  const void* probabilities;     // (outer, classes, inner)
  const void* weight = nullptr;  // (classes)
  int64_t outer, classes, inner;
  int64_t ignore_index;
  double label_smoothing = 0;
  LossReduction reduction;
  bool log_probabilities = false;
  void* loss = nullptr;         // forward: (outer, inner), or one value
  const void* dloss = nullptr;  // backward: of the loss' shape
  void* dx = nullptr;           // backward: of x's shape
  double* workspace = nullptr;  // forward: outer * inner; CUDA's backward: 1
};

void cross_entropy_cpu(const CrossEntropyArgs& args);
void cross_entropy_backward_cpu(const CrossEntropyArgs& args);

// Of f32 logits along the innermost dim (inner == 1); exp within 2 ulp, sums of a row in f32 for at
// most 4096 classes and then in f64.
void cross_entropy_avx2(const CrossEntropyArgs& args);
void cross_entropy_avx512(const CrossEntropyArgs& args);
void cross_entropy_backward_avx2(const CrossEntropyArgs& args);
void cross_entropy_backward_avx512(const CrossEntropyArgs& args);

// f64, and f32, f16, bf16 computed in f32; the losses are added in f64, in an order that the shape
// fixes. A kernel cannot throw: an index outside of the classes gives NaN.
void cross_entropy_cuda(const CrossEntropyArgs& args, StreamHandle stream);
void cross_entropy_backward_cuda(const CrossEntropyArgs& args, StreamHandle stream);

// What `mean` divides by, after a check of every index.
double cross_entropy_divisor(const CrossEntropyArgs& args);
// Stores the loss from one f64 value per position in the workspace.
void cross_entropy_finish(const CrossEntropyArgs& args, double divisor);

}  // namespace gradus::kernels
