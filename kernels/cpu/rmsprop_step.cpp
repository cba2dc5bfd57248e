// SPDX-License-Identifier: Apache-2.0
#include "kernels/rmsprop_step.h"

#include <cmath>

#include "engine/base/dispatch.h"
#include "kernels/cpu/optimizer_step.h"

namespace gradus::kernels {
namespace {

template <class C>
struct Numbers {
  C scale, decay, alpha, rest, eps, momentum, lr;

  explicit Numbers(const RmspropStepArgs& args)
      : scale(static_cast<C>(read_scalar(args.control.scale, 1.0) * (args.maximize ? -1.0 : 1.0))),
        decay(static_cast<C>(args.weight_decay)),
        alpha(static_cast<C>(args.alpha)),
        rest(static_cast<C>(1.0 - args.alpha)),
        eps(static_cast<C>(args.eps)),
        momentum(static_cast<C>(args.momentum)),
        lr(static_cast<C>(read_scalar(args.control.lr))) {}
};

// The choices are template parameters so that each loop is free of branches.
template <class T, class C, bool centered, bool momentum>
void step_range(const RmspropStepArgs& args, const Numbers<C>& numbers, int64_t begin,
                int64_t end) {
  const T *w = static_cast<const T*>(args.weight), *grad = static_cast<const T*>(args.grad);
  const T* square = static_cast<const T*>(args.square_avg);
  const T* average = static_cast<const T*>(args.grad_avg);
  const T* buffer = static_cast<const T*>(args.momentum_buffer);
  T *new_w = static_cast<T*>(args.new_weight), *new_square = static_cast<T*>(args.new_square_avg);
  T* new_average = static_cast<T*>(args.new_grad_avg);
  T* new_buffer = static_cast<T*>(args.new_momentum_buffer);
  GRADUS_INDEPENDENT_LOOP
  for (int64_t i = begin; i < end; ++i) {
    const C g = numbers.scale * static_cast<C>(grad[i]) + numbers.decay * static_cast<C>(w[i]);
    const C v = numbers.alpha * static_cast<C>(square[i]) + numbers.rest * g * g;
    new_square[i] = static_cast<T>(v);
    C spread = v;
    if constexpr (centered) {
      const C a = static_cast<C>(average[i]) + numbers.rest * (g - static_cast<C>(average[i]));
      new_average[i] = static_cast<T>(a);
      spread = v - a * a;
    }
    C change = g / (std::sqrt(spread) + numbers.eps);
    if constexpr (momentum) {
      change += numbers.momentum * static_cast<C>(buffer[i]);
      new_buffer[i] = static_cast<T>(change);
    }
    new_w[i] = static_cast<T>(static_cast<C>(w[i]) - numbers.lr * change);
  }
}

template <class T, class C>
auto choose(const RmspropStepArgs& args) {
  if (args.grad_avg != nullptr)
    return args.momentum_buffer ? step_range<T, C, true, true> : step_range<T, C, true, false>;
  return args.momentum_buffer ? step_range<T, C, false, true> : step_range<T, C, false, false>;
}

bool skipped(const RmspropStepArgs& args) {
  if (read_scalar(args.control.skip) == 0.0) return false;
  keep(args.new_weight, args.weight, args.dtype, args.n);
  keep(args.new_square_avg, args.square_avg, args.dtype, args.n);
  keep(args.new_momentum_buffer, args.momentum_buffer, args.dtype, args.n);
  keep(args.new_grad_avg, args.grad_avg, args.dtype, args.n);
  return true;
}

}  // namespace

void rmsprop_step_cpu(const RmspropStepArgs& args) {
  if (skipped(args)) return;
  const Numbers<double> numbers(args);
  dispatch_float(args.dtype, [&](auto tag) {
    const auto step = choose<typename decltype(tag)::type, double>(args);
    reference_step(args.n, [&](int64_t begin, int64_t end) { step(args, numbers, begin, end); });
  });
}

void rmsprop_step_cpu_vector(const RmspropStepArgs& args) {
  if (skipped(args)) return;
  const Numbers<float> numbers(args);
  const auto step = choose<float, float>(args);
  vector_step(args.n, [&](int64_t begin, int64_t end) { step(args, numbers, begin, end); });
}

}  // namespace gradus::kernels
