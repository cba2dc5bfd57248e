// SPDX-License-Identifier: Apache-2.0
#include "kernels/sgd_step.h"

#include "engine/base/dispatch.h"
#include "kernels/cpu/optimizer_step.h"

namespace gradus::kernels {
namespace {

// The rule's numbers, made ready once per call.
template <class C>
struct Numbers {
  C scale, decay, keep, add, gradient_rate, buffer_rate;
  bool momentum;

  explicit Numbers(const SgdStepArgs& args) {
    const double lr = read_scalar(args.control.lr);
    const bool first = read_scalar(args.control.step) == 1.0;
    scale = static_cast<C>(read_scalar(args.control.scale, 1.0) * (args.maximize ? -1.0 : 1.0));
    decay = static_cast<C>(args.weight_decay);
    momentum = args.momentum_buffer != nullptr;
    keep = static_cast<C>(first ? 0.0 : args.momentum);
    add = static_cast<C>((first ? 1.0 : 1.0 - args.dampening) * (args.lr_inside ? lr : 1.0));
    gradient_rate = static_cast<C>(momentum && !args.nesterov ? 0.0 : lr);
    const double share = args.nesterov ? args.momentum : 1.0;
    buffer_rate = static_cast<C>(momentum ? share * (args.lr_inside ? 1.0 : lr) : 0.0);
  }
};

template <class T, class C>
void step_range(const SgdStepArgs& args, const Numbers<C>& numbers, int64_t begin, int64_t end) {
  const T *w = static_cast<const T*>(args.weight), *grad = static_cast<const T*>(args.grad);
  const T* buffer = static_cast<const T*>(args.momentum_buffer);
  T *new_w = static_cast<T*>(args.new_weight),
    *new_buffer = static_cast<T*>(args.new_momentum_buffer);
  if (!numbers.momentum) {
    GRADUS_INDEPENDENT_LOOP
    for (int64_t i = begin; i < end; ++i) {
      const C g = numbers.scale * static_cast<C>(grad[i]) + numbers.decay * static_cast<C>(w[i]);
      new_w[i] = static_cast<T>(static_cast<C>(w[i]) - numbers.gradient_rate * g);
    }
    return;
  }
  GRADUS_INDEPENDENT_LOOP
  for (int64_t i = begin; i < end; ++i) {
    const C g = numbers.scale * static_cast<C>(grad[i]) + numbers.decay * static_cast<C>(w[i]);
    const C b = numbers.keep * static_cast<C>(buffer[i]) + numbers.add * g;
    new_buffer[i] = static_cast<T>(b);
    new_w[i] = static_cast<T>(static_cast<C>(w[i]) -
                              (numbers.gradient_rate * g + numbers.buffer_rate * b));
  }
}

bool skipped(const SgdStepArgs& args) {
  if (read_scalar(args.control.skip) == 0.0) return false;
  keep(args.new_weight, args.weight, args.dtype, args.n);
  keep(args.new_momentum_buffer, args.momentum_buffer, args.dtype, args.n);
  return true;
}

}  // namespace

void sgd_step_cpu(const SgdStepArgs& args) {
  if (skipped(args)) return;
  const Numbers<double> numbers(args);
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    reference_step(args.n, [&](int64_t begin, int64_t end) {
      step_range<T, double>(args, numbers, begin, end);
    });
  });
}

void sgd_step_cpu_vector(const SgdStepArgs& args) {
  if (skipped(args)) return;
  const Numbers<float> numbers(args);
  vector_step(args.n, [&](int64_t begin, int64_t end) {
    step_range<float, float>(args, numbers, begin, end);
  });
}

}  // namespace gradus::kernels
