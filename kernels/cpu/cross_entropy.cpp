// SPDX-License-Identifier: Apache-2.0
#include "kernels/cross_entropy.h"

#include <cmath>

#include "engine/base/dispatch.h"
#include "engine/base/error.h"
#include "engine/base/parallel.h"

namespace gradus::kernels {
namespace {

constexpr int64_t elements_per_chunk = 1 << 14;

// One position: its scores and targets with their stride.
template <class T>
class Position {
 public:
  Position(const CrossEntropyArgs& args, int64_t p)
      : args_(args),
        stride_(args.inner),
        start_(p / args.inner * args.classes * args.inner + p % args.inner),
        x_(static_cast<const T*>(args.x) + start_),
        index_(args.indices ? args.indices[p] : -1) {}

  int64_t start() const { return start_; }
  int64_t stride() const { return stride_; }
  bool ignored() const { return args_.indices != nullptr && index_ == args_.ignore_index; }
  double x(int64_t c) const { return static_cast<double>(x_[c * stride_]); }
  // q[c] * w[c]
  double target(int64_t c) const {
    const double weight =
        args_.weight ? static_cast<double>(static_cast<const T*>(args_.weight)[c]) : 1;
    const double given =
        args_.probabilities
            ? static_cast<double>(static_cast<const T*>(args_.probabilities)[start_ + c * stride_])
            : (c == index_ ? 1.0 : 0.0);
    if (args_.label_smoothing == 0) return given * weight;
    return weight * ((1 - args_.label_smoothing) * given +
                     args_.label_smoothing / static_cast<double>(args_.classes));
  }
  // Only the index' own class has a target.
  bool one_hot() const { return args_.indices != nullptr && args_.label_smoothing == 0; }

  double largest() const {
    double best = x(0);
    for (int64_t c = 1; c < args_.classes; ++c)
      if (x(c) > best || x(c) != x(c)) best = x(c);
    return best;
  }
  double exp_sum(double shift) const {
    double sum = 0;
    for (int64_t c = 0; c < args_.classes; ++c) sum += std::exp(x(c) - shift);
    return sum;
  }

  // 0, but NaN where scores have no softmax, as in PyTorch.
  double ignored_slope() const { return args_.log_probabilities ? 0 : 0 * (largest() - largest()); }

  double loss() const {
    if (ignored()) return 0;
    const double shift = args_.log_probabilities ? 0 : largest();
    const double log_sum = args_.log_probabilities ? 0 : std::log(exp_sum(shift));
    if (one_hot()) return target(index_) * (log_sum - (x(index_) - shift));
    double sum = 0;
    for (int64_t c = 0; c < args_.classes; ++c) sum += target(c) * (log_sum - (x(c) - shift));
    return sum;
  }

  void backward(double g, T* dx) const {
    if (ignored() || args_.log_probabilities) {
      for (int64_t c = 0; c < args_.classes; ++c)
        dx[c * stride_] = static_cast<T>(ignored() ? ignored_slope() : -g * target(c));
      return;
    }
    const double shift = largest(), sum = exp_sum(shift);
    double total = 0;
    for (int64_t c = 0; c < args_.classes; ++c) total += target(c);
    for (int64_t c = 0; c < args_.classes; ++c)
      dx[c * stride_] = static_cast<T>(g * (total * (std::exp(x(c) - shift) / sum) - target(c)));
  }

 private:
  const CrossEntropyArgs& args_;
  int64_t stride_, start_;
  const T* x_;
  int64_t index_;
};

int64_t grain(const CrossEntropyArgs& args) {
  return args.classes >= elements_per_chunk ? 1 : elements_per_chunk / args.classes;
}

}  // namespace

double cross_entropy_divisor(const CrossEntropyArgs& args) {
  const int64_t positions = args.outer * args.inner;
  if (args.indices == nullptr) return static_cast<double>(positions);
  double sum = 0;
  for (int64_t p = 0; p < positions; ++p) {
    const int64_t index = args.indices[p];
    if (index == args.ignore_index) continue;
    if (index < 0 || index >= args.classes)
      failf(ErrorKind::bad_data, args.op, "target {} at position {}, expected 0 to {}{}", index, p,
            args.classes - 1,
            args.ignore_index == ignores_nothing
                ? ""
                : fmt::format(" or ignore_index {}", args.ignore_index));
    if (args.weight == nullptr)
      sum += 1;
    else
      sum += args.dtype == DType::f32
                 ? static_cast<double>(static_cast<const float*>(args.weight)[index])
                 : static_cast<const double*>(args.weight)[index];
  }
  return sum;
}

void cross_entropy_finish(const CrossEntropyArgs& args, double divisor) {
  const int64_t positions = args.outer * args.inner;
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* loss = static_cast<T*>(args.loss);
    double sum = 0;
    for (int64_t p = 0; p < positions; ++p) {
      sum += args.workspace[p];
      if (args.reduction == LossReduction::none) loss[p] = static_cast<T>(args.workspace[p]);
    }
    if (args.reduction == LossReduction::sum) *loss = static_cast<T>(sum);
    if (args.reduction == LossReduction::mean) *loss = static_cast<T>(sum / divisor);
  });
}

void cross_entropy_cpu(const CrossEntropyArgs& args) {
  const double divisor = cross_entropy_divisor(args);
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_range(args.outer * args.inner, grain(args), [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) args.workspace[p] = Position<T>(args, p).loss();
    });
  });
  cross_entropy_finish(args, divisor);
}

void cross_entropy_backward_cpu(const CrossEntropyArgs& args) {
  const double divisor = cross_entropy_divisor(args);
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* dloss = static_cast<const T*>(args.dloss);
    parallel_range(args.outer * args.inner, grain(args), [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        const Position<T> position(args, p);
        double g = static_cast<double>(dloss[args.reduction == LossReduction::none ? p : 0]);
        if (args.reduction == LossReduction::mean) g /= divisor;
        position.backward(g, static_cast<T*>(args.dx) + position.start());
      }
    });
  });
}

}  // namespace gradus::kernels
