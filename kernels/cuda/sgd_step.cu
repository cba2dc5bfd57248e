// SPDX-License-Identifier: Apache-2.0
// Gradient descent in one pass over memory: 8 bytes read and 4 written per f32 weight, with
// momentum 12 and 8. Not measured on hardware.
#include "kernels/sgd_step.h"

#include "kernels/cuda/optimizer_step.h"

namespace gradus::kernels {
namespace {

template <class T>
struct Arrays {
  const T *weight, *grad, *momentum;  // momentum is null where there is none
  T *new_weight, *new_momentum;
};

// What the host knows of a step; C is what the update is computed in.
template <class C>
struct Constants {
  C momentum, dampened, decay, sign;
  bool nesterov, lr_inside;
};

// The rule's numbers, made ready once per thread.
template <class C>
struct Numbers {
  C scale, decay, keep, add, gradient_rate, buffer_rate;
  bool skip;
};

template <class C>
DEV Numbers<C> read_numbers(const StepControl& control, const Constants<C>& c, bool momentum) {
  const C lr = read_scalar(control.lr, C(0));
  const bool first = read_scalar(control.step, C(0)) == C(1);
  Numbers<C> n;
  n.scale = c.sign * read_scalar(control.scale, C(1));
  n.decay = c.decay;
  n.keep = first ? C(0) : c.momentum;
  n.add = (first ? C(1) : c.dampened) * (c.lr_inside ? lr : C(1));
  n.gradient_rate = momentum && !c.nesterov ? C(0) : lr;
  n.buffer_rate = (c.nesterov ? c.momentum : C(1)) * (c.lr_inside ? C(1) : lr);
  n.skip = read_scalar(control.skip, C(0)) != C(0);
  return n;
}

// Elements at..at+V-1. A skipped step hands the old values on.
template <class T, int V, bool Momentum, class C>
DEV void update(const Arrays<T>& p, const Numbers<C>& n, int64_t at) {
  const Vector<T, V> grad = load_vector<V>(p.grad + at);
  Vector<T, V> weight = load_vector<V>(p.weight + at);
  Vector<T, V> buffer = {};
  if constexpr (Momentum) buffer = load_vector<V>(p.momentum + at);
  if (!n.skip) {
#pragma unroll
    for (int j = 0; j < V; ++j) {
      const C old = widen(weight.at[j]);
      const C g = n.scale * widen(grad.at[j]) + n.decay * old;
      if constexpr (Momentum) {
        const C b = n.keep * widen(buffer.at[j]) + n.add * g;
        buffer.at[j] = narrow<T>(b);
        weight.at[j] = narrow<T>(old - (n.gradient_rate * g + n.buffer_rate * b));
      } else {
        weight.at[j] = narrow<T>(old - n.gradient_rate * g);
      }
    }
  }
  store_vector(p.new_weight + at, weight);
  if constexpr (Momentum) store_vector(p.new_momentum + at, buffer);
}

// V elements a thread; the last ones one by one.
template <class T, int V, bool Momentum>
__global__ void __launch_bounds__(step_threads)
    sgd_step(const Arrays<T> arrays, int64_t n, const StepControl control,
             const Constants<Compute<T>> constants) {
  const int64_t at = (int64_t{blockIdx.x} * step_threads + threadIdx.x) * V;
  const Numbers<Compute<T>> numbers = read_numbers(control, constants, Momentum);
  if (at + V <= n) {
    update<T, V, Momentum>(arrays, numbers, at);
  } else {
    for (int64_t i = at; i < n; ++i) update<T, 1, Momentum>(arrays, numbers, i);
  }
}

template <class T, bool Momentum>
void launch_form(const SgdStepArgs& a, StreamHandle stream) {
  using C = Compute<T>;
  const Constants<C> constants{static_cast<C>(a.momentum),
                               static_cast<C>(1 - a.dampening),
                               static_cast<C>(a.weight_decay),
                               static_cast<C>(a.maximize ? -1 : 1),
                               a.nesterov,
                               a.lr_inside};
  const Arrays<T> arrays{static_cast<const T*>(a.weight), static_cast<const T*>(a.grad),
                         static_cast<const T*>(a.momentum_buffer), static_cast<T*>(a.new_weight),
                         static_cast<T*>(a.new_momentum_buffer)};
  bool vectors = true;
  for (const T* pointer :
       {arrays.weight, arrays.grad, arrays.momentum, static_cast<const T*>(arrays.new_weight),
        static_cast<const T*>(arrays.new_momentum)})
    vectors = vectors && vectors_fit<T>(pointer, 0);
  launch(vectors ? sgd_step<T, widest<T>, Momentum> : sgd_step<T, 1, Momentum>,
         {.grid = {step_grid(a.n, vectors ? widest<T> : 1, "sgd_step")},
          .block = {step_threads},
          .stream = stream},
         arrays, a.n, a.control, constants);
}

template <class T>
void launch_typed(const SgdStepArgs& a, StreamHandle stream) {
  a.momentum_buffer != nullptr ? launch_form<T, true>(a, stream) : launch_form<T, false>(a, stream);
}

}  // namespace

void sgd_step_cuda(const SgdStepArgs& args, StreamHandle stream) {
  if (args.n == 0) return;
  switch (args.dtype) {
    case DType::f64:
      return launch_typed<double>(args, stream);
    case DType::f32:
      return launch_typed<float>(args, stream);
    case DType::f16:
      return launch_typed<f16>(args, stream);
    case DType::bf16:
      return launch_typed<bf16>(args, stream);
    default:
      failf(ErrorKind::unsupported, "sgd_step", "no CUDA kernel for {}", dtype_name(args.dtype));
  }
}

}  // namespace gradus::kernels
