// SPDX-License-Identifier: Apache-2.0
#include "kernels/adagrad_step.h"

#include <cmath>

#include "engine/base/dispatch.h"
#include "kernels/cpu/optimizer_step.h"

namespace gradus::kernels {
namespace {

template <class C>
struct Numbers {
  C scale, decay, rate, eps;

  explicit Numbers(const AdagradStepArgs& args)
      : scale(static_cast<C>(read_scalar(args.control.scale, 1.0) * (args.maximize ? -1.0 : 1.0))),
        decay(static_cast<C>(args.weight_decay)),
        rate(static_cast<C>(read_scalar(args.control.lr) /
                            (1.0 + (read_scalar(args.control.step, 1.0) - 1.0) * args.lr_decay))),
        eps(static_cast<C>(args.eps)) {}
};

template <class T, class C>
void step_range(const AdagradStepArgs& args, const Numbers<C>& numbers, int64_t begin,
                int64_t end) {
  const T *w = static_cast<const T*>(args.weight), *grad = static_cast<const T*>(args.grad);
  const T* sum = static_cast<const T*>(args.state_sum);
  T *new_w = static_cast<T*>(args.new_weight), *new_sum = static_cast<T*>(args.new_state_sum);
  GRADUS_INDEPENDENT_LOOP
  for (int64_t i = begin; i < end; ++i) {
    const C g = numbers.scale * static_cast<C>(grad[i]) + numbers.decay * static_cast<C>(w[i]);
    const C s = static_cast<C>(sum[i]) + g * g;
    new_sum[i] = static_cast<T>(s);
    new_w[i] =
        static_cast<T>(static_cast<C>(w[i]) - numbers.rate * g / (std::sqrt(s) + numbers.eps));
  }
}

bool skipped(const AdagradStepArgs& args) {
  if (read_scalar(args.control.skip) == 0.0) return false;
  keep(args.new_weight, args.weight, args.dtype, args.n);
  keep(args.new_state_sum, args.state_sum, args.dtype, args.n);
  return true;
}

}  // namespace

void adagrad_step_cpu(const AdagradStepArgs& args) {
  if (skipped(args)) return;
  const Numbers<double> numbers(args);
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    reference_step(args.n, [&](int64_t begin, int64_t end) {
      step_range<T, double>(args, numbers, begin, end);
    });
  });
}

void adagrad_step_cpu_vector(const AdagradStepArgs& args) {
  if (skipped(args)) return;
  const Numbers<float> numbers(args);
  vector_step(args.n, [&](int64_t begin, int64_t end) {
    step_range<float, float>(args, numbers, begin, end);
  });
}

}  // namespace gradus::kernels
