// SPDX-License-Identifier: Apache-2.0
#include "kernels/adam_step.h"

#include <cmath>

#include "engine/base/dispatch.h"
#include "kernels/cpu/optimizer_step.h"

namespace gradus::kernels {
namespace {

template <class C>
struct Numbers {
  C scale, coupled_decay, shrink, rest1, beta2, rest2, rate, correction2, eps;

  explicit Numbers(const AdamStepArgs& args) {
    const double lr = read_scalar(args.control.lr), t = read_scalar(args.control.step, 1.0);
    scale = static_cast<C>(read_scalar(args.control.scale, 1.0) * (args.maximize ? -1.0 : 1.0));
    coupled_decay = static_cast<C>(args.decoupled ? 0.0 : args.weight_decay);
    shrink = static_cast<C>(args.decoupled ? 1.0 - lr * args.weight_decay : 1.0);
    rest1 = static_cast<C>(1.0 - args.beta1);
    beta2 = static_cast<C>(args.beta2);
    rest2 = static_cast<C>(1.0 - args.beta2);
    rate = static_cast<C>(lr / (1.0 - std::pow(args.beta1, t)));
    correction2 = static_cast<C>(std::sqrt(1.0 - std::pow(args.beta2, t)));
    eps = static_cast<C>(args.eps);
  }
};

template <class T, class C, bool amsgrad>
void step_range(const AdamStepArgs& args, const Numbers<C>& numbers, int64_t begin, int64_t end) {
  const T *w = static_cast<const T*>(args.weight), *grad = static_cast<const T*>(args.grad);
  const T* first = static_cast<const T*>(args.exp_avg);
  const T* second = static_cast<const T*>(args.exp_avg_sq);
  const T* largest = static_cast<const T*>(args.max_exp_avg_sq);
  T *new_w = static_cast<T*>(args.new_weight), *new_first = static_cast<T*>(args.new_exp_avg);
  T* new_second = static_cast<T*>(args.new_exp_avg_sq);
  T* new_largest = static_cast<T*>(args.new_max_exp_avg_sq);
  GRADUS_INDEPENDENT_LOOP
  for (int64_t i = begin; i < end; ++i) {
    const C old = static_cast<C>(w[i]);
    const C g = numbers.scale * static_cast<C>(grad[i]) + numbers.coupled_decay * old;
    const C m = static_cast<C>(first[i]) + numbers.rest1 * (g - static_cast<C>(first[i]));
    const C v = numbers.beta2 * static_cast<C>(second[i]) + numbers.rest2 * g * g;
    new_first[i] = static_cast<T>(m);
    new_second[i] = static_cast<T>(v);
    C spread = v;
    if constexpr (amsgrad) {
      spread = static_cast<C>(largest[i]) < v ? v : static_cast<C>(largest[i]);
      new_largest[i] = static_cast<T>(spread);
    }
    const C divisor = std::sqrt(spread) / numbers.correction2 + numbers.eps;
    new_w[i] = static_cast<T>(old * numbers.shrink - numbers.rate * m / divisor);
  }
}

template <class T, class C>
auto choose(const AdamStepArgs& args) {
  return args.max_exp_avg_sq ? step_range<T, C, true> : step_range<T, C, false>;
}

bool skipped(const AdamStepArgs& args) {
  if (read_scalar(args.control.skip) == 0.0) return false;
  keep(args.new_weight, args.weight, args.dtype, args.n);
  keep(args.new_exp_avg, args.exp_avg, args.dtype, args.n);
  keep(args.new_exp_avg_sq, args.exp_avg_sq, args.dtype, args.n);
  keep(args.new_max_exp_avg_sq, args.max_exp_avg_sq, args.dtype, args.n);
  return true;
}

}  // namespace

void adam_step_cpu(const AdamStepArgs& args) {
  if (skipped(args)) return;
  const Numbers<double> numbers(args);
  dispatch_float(args.dtype, [&](auto tag) {
    const auto step = choose<typename decltype(tag)::type, double>(args);
    reference_step(args.n, [&](int64_t begin, int64_t end) { step(args, numbers, begin, end); });
  });
}

void adam_step_cpu_vector(const AdamStepArgs& args) {
  if (skipped(args)) return;
  const Numbers<float> numbers(args);
  const auto step = choose<float, float>(args);
  vector_step(args.n, [&](int64_t begin, int64_t end) { step(args, numbers, begin, end); });
}

}  // namespace gradus::kernels
