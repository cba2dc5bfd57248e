// SPDX-License-Identifier: Apache-2.0
// The whole AdamW update in one pass over memory: 12 bytes and the gradient read, 12 bytes and the
// rounded parameter written per element. Not measured on hardware.
#include "kernels/adamw_step.h"

#include <cmath>

#include "kernels/common/convert.h"
#include "kernels/common/launch.h"
#include "kernels/common/vector.h"

namespace gradus::kernels {
namespace {

constexpr int block_threads = 256;

// What one step has in common for all elements, as far as the host knows it.
struct Constants {
  float log_beta1, log_beta2;  // beta^t = exp(t log beta), exact to f32 also near 1
  float one_minus_beta1, beta2, one_minus_beta2;
  float eps, weight_decay;
};

struct Pointers {
  const float* param;
  const float* exp_avg;
  const float* exp_avg_sq;
  float* new_param;
  float* new_exp_avg;
  float* new_exp_avg_sq;
  const float* lr;
  const float* step;
  const float* grad_scale;
  const float* skip;
};

struct StepScalars {
  float decay;       // 1 - lr weight_decay
  float step_size;   // lr / (1 - beta1^t)
  float root2;       // sqrt(1 - beta2^t)
  float grad_scale;
  bool skip;
};

DEV StepScalars step_scalars(const Pointers& p, const Constants& c) {
  const float lr = *p.lr;
  const float t = *p.step;
  return {1.0f - lr * c.weight_decay, lr / -expm1f(t * c.log_beta1),
          sqrtf(-expm1f(t * c.log_beta2)), p.grad_scale != nullptr ? *p.grad_scale : 1.0f,
          p.skip != nullptr && *p.skip != 0.0f};
}

DEV void update(float& param, float& m, float& v, float grad, const StepScalars& s,
                const Constants& c) {
  const float g = grad * s.grad_scale;
  m += c.one_minus_beta1 * (g - m);
  v = c.beta2 * v + c.one_minus_beta2 * g * g;
  param = param * s.decay - s.step_size * m / (sqrtf(v) / s.root2 + c.eps);
}

// Elements at..at+V-1. When the step is skipped the old values are handed on.
template <class G, int V>
DEV void update_vector(const Pointers& p, const G* grad, G* rounded, const StepScalars& s,
                       const Constants& c, int64_t at) {
  const Vector<G, V> g = load_vector<V>(grad + at);
  Vector<float, V> param = load_vector<V>(p.param + at);
  Vector<float, V> m = load_vector<V>(p.exp_avg + at);
  Vector<float, V> v = load_vector<V>(p.exp_avg_sq + at);
  if (!s.skip) {
#pragma unroll
    for (int j = 0; j < V; ++j) update(param.at[j], m.at[j], v.at[j], widen(g.at[j]), s, c);
  }
  store_vector(p.new_param + at, param);
  store_vector(p.new_exp_avg + at, m);
  store_vector(p.new_exp_avg_sq + at, v);
  if (rounded == nullptr) return;
  Vector<G, V> low;
#pragma unroll
  for (int j = 0; j < V; ++j) low.at[j] = narrow<G>(param.at[j]);
  store_vector(rounded + at, low);
}

// V elements a thread; the last ones one by one.
template <class G, int V>
__global__ void __launch_bounds__(block_threads)
    adamw_step(const Pointers p, const G* grad, G* rounded, int64_t n, const Constants c) {
  const int64_t at = (int64_t{blockIdx.x} * block_threads + threadIdx.x) * V;
  const StepScalars s = step_scalars(p, c);
  if (at + V <= n + (planted(4) ? 1 : 0)) {
    update_vector<G, V>(p, grad, rounded, s, c, at);
  } else {
    for (int64_t i = at; i < n; ++i) update_vector<G, 1>(p, grad, rounded, s, c, i);
  }
}

template <class G>
void launch_typed(const AdamwStepArgs& a, StreamHandle stream) {
  const Constants constants{static_cast<float>(std::log(a.beta1)),
                            static_cast<float>(std::log(a.beta2)),
                            static_cast<float>(1 - a.beta1),
                            static_cast<float>(a.beta2),
                            static_cast<float>(1 - a.beta2),
                            static_cast<float>(a.eps),
                            static_cast<float>(a.weight_decay)};
  const Pointers pointers{a.param,       a.exp_avg,        a.exp_avg_sq, a.new_param,
                          a.new_exp_avg, a.new_exp_avg_sq, a.lr,         a.step,
                          a.grad_scale,  a.skip};
  bool aligned = true;
  for (const void* pointer : {a.grad, static_cast<const void*>(a.param),
                              static_cast<const void*>(a.exp_avg),
                              static_cast<const void*>(a.exp_avg_sq),
                              static_cast<const void*>(a.new_param),
                              static_cast<const void*>(a.new_exp_avg),
                              static_cast<const void*>(a.new_exp_avg_sq),
                              static_cast<const void*>(a.rounded)})
    aligned = aligned && vectors_fit<float>(pointer, 0);
  const int per_thread = aligned ? 4 : 1;
  const int64_t per_block = int64_t{block_threads} * per_thread;
  const int64_t blocks = (a.n + per_block - 1) / per_block;
  GRADUS_CHECK(blocks <= 0x7fffffff, "[adamw_step] {} elements are more than one launch can take",
               a.n);
  launch(aligned ? adamw_step<G, 4> : adamw_step<G, 1>,
         {.grid = {static_cast<unsigned>(blocks)}, .block = {block_threads}, .stream = stream},
         pointers, static_cast<const G*>(a.grad), static_cast<G*>(a.rounded), a.n, constants);
}

}  // namespace

void adamw_step_cuda(const AdamwStepArgs& args, StreamHandle stream) {
  if (args.n == 0) return;
  switch (args.grad_dtype) {
    case DType::f32:
      return launch_typed<float>(args, stream);
    case DType::f16:
      return launch_typed<f16>(args, stream);
    case DType::bf16:
      return launch_typed<bf16>(args, stream);
    default:
      failf(ErrorKind::unsupported, "adamw_step", "no CUDA kernel for a gradient of {}",
            dtype_name(args.grad_dtype));
  }
}

}  // namespace gradus::kernels
