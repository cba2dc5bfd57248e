// SPDX-License-Identifier: Apache-2.0
// Cross-entropy over rows of f32 logits on sixteen lanes, included by cross_entropy_avx2.cpp and
// cross_entropy_avx512.cpp. A row is read once from memory: its maximum, exponentials and gradient
// are three passes over what is then in the cache.
#pragma once

#if defined(__AVX2__)

#include <cmath>
#include <limits>

#include "engine/base/parallel.h"
#include "kernels/cpu/exp_row.h"
#include "kernels/cpu/lanes.h"
#include "kernels/cross_entropy.h"

namespace gradus::kernels {
namespace {

constexpr int64_t elements_per_chunk = 1 << 14;

// The target of one row: q * weight for each class.
struct RowTarget {
  const float* probabilities;  // of this row, or null
  const float* weight;         // or null
  int64_t index;
  float given, uniform;  // 1 - label_smoothing, label_smoothing / classes
  bool one_hot;

  RowTarget(const CrossEntropyArgs& args, int64_t row)
      : probabilities(args.probabilities
                          ? static_cast<const float*>(args.probabilities) + row * args.classes
                          : nullptr),
        weight(static_cast<const float*>(args.weight)),
        index(args.indices ? args.indices[row] : -1),
        given(static_cast<float>(1 - args.label_smoothing)),
        uniform(static_cast<float>(args.label_smoothing / static_cast<double>(args.classes))),
        one_hot(args.indices != nullptr) {}

  float own_weight() const { return weight ? weight[index] : 1.f; }

  // Of `n` classes from c on, without the part of the index.
  Lanes spread(int64_t c, int64_t n) const {
    Lanes q = Lanes::all(uniform);
    if (probabilities) q = fma(load(probabilities + c, n), Lanes::all(given), q);
    if (weight) q = q * load(weight + c, n);
    return first(n, q, Lanes::zero());
  }
};

inline double row_loss(const CrossEntropyArgs& args, const float* x, const RowTarget& target) {
  const float shift = largest_of(x, args.classes);
  const double log_sum = std::log(exp_row(x, nullptr, args.classes, shift));
  double loss = 0;
  if (target.one_hot)
    loss = static_cast<double>(target.own_weight()) * (1 - args.label_smoothing) *
           (log_sum - static_cast<double>(x[target.index] - shift));
  if (target.one_hot && args.label_smoothing == 0) return loss;
  const Lanes start = Lanes::all(static_cast<float>(log_sum)), top = Lanes::all(shift);
  for_blocks(args.classes, [&](int64_t begin, int64_t size) {
    Lanes partial = Lanes::zero();
    for_lanes(size, [&](int64_t c, int64_t n) {
      const Lanes below = start - (load(x + begin + c, n) - top);
      partial = partial + first(n, target.spread(begin + c, n) * below, Lanes::zero());
    });
    loss += static_cast<double>(sum(partial));
  });
  return loss;
}

inline void row_backward(const CrossEntropyArgs& args, const float* x, const RowTarget& target,
                         double g, float* dx) {
  const double exp_sum = exp_row(x, dx, args.classes, largest_of(x, args.classes));
  const bool spread = !target.one_hot || args.label_smoothing != 0;
  double own = 0, total = 0;
  if (target.one_hot) own = static_cast<double>(target.own_weight()) * (1 - args.label_smoothing);
  if (spread)
    for_blocks(args.classes, [&](int64_t begin, int64_t size) {
      Lanes partial = Lanes::zero();
      for_lanes(size,
                [&](int64_t c, int64_t n) { partial = partial + target.spread(begin + c, n); });
      total += static_cast<double>(sum(partial));
    });
  const Lanes scale = Lanes::all(static_cast<float>(g * (own + total) / exp_sum));
  const Lanes slope = Lanes::all(static_cast<float>(-g));
  for_lanes(args.classes, [&](int64_t c, int64_t n) {
    Lanes value = load(dx + c, n) * scale;
    if (spread) value = fma(target.spread(c, n), slope, value);
    store(value, dx + c, n);
  });
  if (target.one_hot) dx[target.index] -= static_cast<float>(g * own);
}

// 0, but NaN where scores have no softmax, as in PyTorch.
inline void ignore_row(const float* x, int64_t classes, float* dx) {
  const float top = largest_of(x, classes);
  const Lanes zero = Lanes::zero(), lowest = Lanes::all(-std::numeric_limits<float>::max());
  Lanes found = zero;  // NaN of a NaN or of inf; max gives its second operand where that is NaN
  for_lanes(classes,
            [&](int64_t c, int64_t n) { found = fma(max(lowest, load(x + c, n)), zero, found); });
  const Lanes slope = Lanes::all(sum(found) + (top - top));
  for_lanes(classes, [&](int64_t c, int64_t n) { store(slope, dx + c, n); });
}

template <class Row>
inline void for_rows(const CrossEntropyArgs& args, Row&& row) {
  const int64_t grain = args.classes >= elements_per_chunk ? 1 : elements_per_chunk / args.classes;
  parallel_range(args.outer, grain, [&](int64_t begin, int64_t end) {
    const FlushDenormals flush;
    for (int64_t r = begin; r < end; ++r)
      row(r, args.indices != nullptr && args.indices[r] == args.ignore_index);
  });
}

inline void cross_entropy_rows(const CrossEntropyArgs& args) {
  const double divisor = cross_entropy_divisor(args);
  const float* x = static_cast<const float*>(args.x);
  for_rows(args, [&](int64_t r, bool ignored) {
    args.workspace[r] = ignored ? 0.0 : row_loss(args, x + r * args.classes, RowTarget(args, r));
  });
  cross_entropy_finish(args, divisor);
}

inline void cross_entropy_backward_rows(const CrossEntropyArgs& args) {
  const double divisor = cross_entropy_divisor(args);
  const float *x = static_cast<const float*>(args.x),
              *dloss = static_cast<const float*>(args.dloss);
  for_rows(args, [&](int64_t r, bool ignored) {
    float* dx = static_cast<float*>(args.dx) + r * args.classes;
    if (ignored) return ignore_row(x + r * args.classes, args.classes, dx);
    double g = static_cast<double>(dloss[args.reduction == LossReduction::none ? r : 0]);
    if (args.reduction == LossReduction::mean) g /= divisor;
    row_backward(args, x + r * args.classes, RowTarget(args, r), g, dx);
  });
}

}  // namespace
}  // namespace gradus::kernels

#endif
