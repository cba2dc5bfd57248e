// SPDX-License-Identifier: Apache-2.0
// The whole Adam or AdamW update in one pass over memory: 16 bytes read and 12 written per f32
// weight. Not measured on hardware.
#include "kernels/adam_step.h"

#include "kernels/cuda/optimizer_step.h"

namespace gradus::kernels {
namespace {

// What the host knows of a step; C is what the update is computed in.
template <class C>
struct Constants {
  C log_beta1, log_beta2;  // beta^t = exp(t log beta): exact also for betas near 1
  C rest1, beta2, rest2, eps;
  C coupled_decay, decoupled_decay;
  C sign;
};

template <class T>
struct Arrays {
  const T *weight, *grad, *exp_avg, *exp_avg_sq, *max_exp_avg_sq;
  T *new_weight, *new_exp_avg, *new_exp_avg_sq, *new_max_exp_avg_sq;
};

// What all elements of a step have in common.
template <class C>
struct Scalars {
  C scale, shrink, rate, correction2;
  bool skip;
};

// 1 - beta^t without cancellation.
DEV float correction(float log_beta, float t) { return -expm1f(t * log_beta); }
DEV double correction(double log_beta, double t) { return -expm1(t * log_beta); }

DEV float square_root(float x) { return sqrtf(x); }
DEV double square_root(double x) { return sqrt(x); }

template <class C>
DEV Scalars<C> read_scalars(const StepControl& control, const Constants<C>& c) {
  const C lr = read_scalar(control.lr, C(0));
  const C t = read_scalar(control.step, C(1));
  return {c.sign * read_scalar(control.scale, C(1)), C(1) - lr * c.decoupled_decay,
          lr / correction(c.log_beta1, t), square_root(correction(c.log_beta2, t)),
          read_scalar(control.skip, C(0)) != C(0)};
}

// Elements at..at+V-1. A skipped step hands the old values on.
template <class T, int V, bool Amsgrad, class C>
DEV void update(const Arrays<T>& p, const Scalars<C>& s, const Constants<C>& c, int64_t at) {
  const Vector<T, V> grad = load_vector<V>(p.grad + at);
  Vector<T, V> weight = load_vector<V>(p.weight + at);
  Vector<T, V> first = load_vector<V>(p.exp_avg + at);
  Vector<T, V> second = load_vector<V>(p.exp_avg_sq + at);
  Vector<T, V> largest = {};
  if constexpr (Amsgrad) largest = load_vector<V>(p.max_exp_avg_sq + at);
  if (!s.skip) {
#pragma unroll
    for (int j = 0; j < V; ++j) {
      const C old = widen(weight.at[j]);
      const C g = s.scale * widen(grad.at[j]) + c.coupled_decay * old;
      const C m = widen(first.at[j]) + c.rest1 * (g - widen(first.at[j]));
      const C v = c.beta2 * widen(second.at[j]) + c.rest2 * g * g;
      C spread = v;
      if constexpr (Amsgrad) {
        spread = widen(largest.at[j]) < v ? v : widen(largest.at[j]);
        largest.at[j] = narrow<T>(spread);
      }
      first.at[j] = narrow<T>(m);
      second.at[j] = narrow<T>(v);
      weight.at[j] =
          narrow<T>(old * s.shrink - s.rate * m / (square_root(spread) / s.correction2 + c.eps));
    }
  }
  store_vector(p.new_weight + at, weight);
  store_vector(p.new_exp_avg + at, first);
  store_vector(p.new_exp_avg_sq + at, second);
  if constexpr (Amsgrad) store_vector(p.new_max_exp_avg_sq + at, largest);
}

// V elements a thread; the last ones one by one.
template <class T, int V, bool Amsgrad>
__global__ void __launch_bounds__(step_threads)
    adam_step(const Arrays<T> arrays, int64_t n, const StepControl control,
              const Constants<Compute<T>> constants) {
  const int64_t at = (int64_t{blockIdx.x} * step_threads + threadIdx.x) * V;
  const Scalars<Compute<T>> scalars = read_scalars(control, constants);
  if (at + V <= n + (planted(4) ? 1 : 0)) {
    update<T, V, Amsgrad>(arrays, scalars, constants, at);
  } else {
    for (int64_t i = at; i < n; ++i) update<T, 1, Amsgrad>(arrays, scalars, constants, i);
  }
}

template <class T>
Arrays<T> typed(const AdamStepArgs& a) {
  const auto in = [](const void* p) { return static_cast<const T*>(p); };
  const auto out = [](void* p) { return static_cast<T*>(p); };
  return {in(a.weight),
          in(a.grad),
          in(a.exp_avg),
          in(a.exp_avg_sq),
          in(a.max_exp_avg_sq),
          out(a.new_weight),
          out(a.new_exp_avg),
          out(a.new_exp_avg_sq),
          out(a.new_max_exp_avg_sq)};
}

template <class T>
bool all_aligned(const Arrays<T>& p) {
  const T* const pointers[] = {p.weight,      p.grad,           p.exp_avg,
                               p.exp_avg_sq,  p.max_exp_avg_sq, p.new_weight,
                               p.new_exp_avg, p.new_exp_avg_sq, p.new_max_exp_avg_sq};
  for (const T* pointer : pointers)
    if (!vectors_fit<T>(pointer, 0)) return false;
  return true;
}

template <class T, bool Amsgrad>
void launch_form(const AdamStepArgs& a, StreamHandle stream) {
  using C = Compute<T>;
  const Constants<C> constants{static_cast<C>(std::log(a.beta1)),
                               static_cast<C>(std::log(a.beta2)),
                               static_cast<C>(1 - a.beta1),
                               static_cast<C>(a.beta2),
                               static_cast<C>(1 - a.beta2),
                               static_cast<C>(a.eps),
                               static_cast<C>(a.decoupled ? 0.0 : a.weight_decay),
                               static_cast<C>(a.decoupled ? a.weight_decay : 0.0),
                               static_cast<C>(a.maximize ? -1 : 1)};
  const Arrays<T> arrays = typed<T>(a);
  const bool vectors = all_aligned(arrays);
  launch(vectors ? adam_step<T, widest<T>, Amsgrad> : adam_step<T, 1, Amsgrad>,
         {.grid = {step_grid(a.n, vectors ? widest<T> : 1, "adam_step")},
          .block = {step_threads},
          .stream = stream},
         arrays, a.n, a.control, constants);
}

template <class T>
void launch_typed(const AdamStepArgs& a, StreamHandle stream) {
  a.max_exp_avg_sq != nullptr ? launch_form<T, true>(a, stream) : launch_form<T, false>(a, stream);
}

}  // namespace

void adam_step_cuda(const AdamStepArgs& args, StreamHandle stream) {
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
      failf(ErrorKind::unsupported, "adam_step", "no CUDA kernel for {}", dtype_name(args.dtype));
  }
}

}  // namespace gradus::kernels
