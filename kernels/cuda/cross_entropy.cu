// SPDX-License-Identifier: Apache-2.0
// The loss of a classifier and its gradient, each without an array of probabilities: scores are
// read once for the maximum and the sum of exponentials, and once more where every class has a
// target, or to write the gradient. Where the classes are innermost a warp or a block shares a
// position; else a thread has one and neighbouring threads read neighbours. Not measured on
// hardware.
#include "kernels/cross_entropy.h"

#include "engine/base/error.h"
#include "kernels/common/division.h"
#include "kernels/common/launch.h"
#include "kernels/common/reduce.h"
#include "kernels/cuda/running_softmax.h"

namespace gradus::kernels {
namespace {

constexpr int threads = 256;

template <class T>
struct Loss {
  const T* x;
  const int64_t* indices;
  const T* probabilities;
  const T* weight;
  int64_t positions, classes, inner, ignore_index;
  Compute<T> smoothing;
  bool log_probabilities;
};

// One position, shared by `Lanes` threads.
template <class T, int Lanes>
struct Position {
  using C = Compute<T>;
  const Loss<T>& loss;
  int64_t start;  // of its scores, which lie loss.inner apart
  int64_t index;
  int lane;

  DEV Position(const Loss<T>& all, int64_t p)
      : loss(all),
        index(all.indices != nullptr ? all.indices[p] : -1),
        lane(static_cast<int>(threadIdx.x) % Lanes) {
    const Quotient at = quotient_of(p, all.inner);
    start = at.whole * all.classes * all.inner + at.rest;
  }

  DEV bool ignored() const { return loss.indices != nullptr && index == loss.ignore_index; }
  DEV bool legal() const { return loss.indices == nullptr || (index >= 0 && index < loss.classes); }
  DEV bool one_hot() const { return loss.indices != nullptr && loss.smoothing == C(0); }
  DEV int64_t place(int64_t c) const { return start + c * loss.inner; }
  DEV C x(int64_t c) const { return widen(loss.x[place(c)]); }
  // q[c] * w[c]
  DEV C target(int64_t c) const {
    const C w = loss.weight != nullptr ? C(widen(loss.weight[c])) : C(1);
    const C given = loss.probabilities != nullptr ? C(widen(loss.probabilities[place(c)]))
                                                  : (c == index ? C(1) : C(0));
    if (loss.smoothing == C(0)) return given * w;
    return w * ((C(1) - loss.smoothing) * given + loss.smoothing / static_cast<C>(loss.classes));
  }

  // Over all threads of the position.
  template <class Op>
  DEV C together(C value, Op op) const {
    if constexpr (Lanes == 1)
      return value;
    else if constexpr (Lanes == warp_size)
      return warp_reduce(value, op);
    else
      return block_reduce<Lanes>(value, op);
  }

  // 0 and 1 for log-probabilities: then nothing is subtracted.
  DEV Running<C> shift() const {
    if (loss.log_probabilities) return {C(0), C(1)};
    Running<C> own = no_elements<C>();
    for (int64_t c = lane; c < loss.classes; c += Lanes) add(own, x(c));
    Running<C> all{together(own.maximum, Max()), C(0)};
    all.sum = together(combine(own, {all.maximum, C(0)}).sum, Sum());
    return all;
  }

  template <class F>
  DEV C sum_over_classes(F term) const {
    C sum = C(0);
    for (int64_t c = lane; c < loss.classes; c += Lanes) sum += term(c);
    if constexpr (Lanes > warp_size) __syncthreads();  // shift() has the same scratch memory
    return together(sum, Sum());
  }
};

// The first thread of a position has its number; all of a warp or block leave together.
template <int Lanes>
DEV int64_t position_number() {
  constexpr int groups = threads / Lanes;
  return int64_t{blockIdx.x} * groups + threadIdx.x / Lanes;
}

template <class C>
DEV C not_a_number() {
  return C(__builtin_nan(""));
}

template <class T, int Lanes>
__global__ void __launch_bounds__(threads)
    cross_entropy_positions(const Loss<T> loss, double* wide, T* narrow_loss) {
  using C = Compute<T>;
  const int64_t p = position_number<Lanes>();
  if (p >= loss.positions) return;
  const Position<T, Lanes> at(loss, p);
  C value = C(0);
  if (!at.ignored()) {
    const Running<C> row = at.shift();
    const C log_sum = logarithm(row.sum);
    if (!at.legal())
      value = not_a_number<C>();
    else if (at.one_hot())
      value = at.target(at.index) * (log_sum - (at.x(at.index) - row.maximum));
    else
      value = at.sum_over_classes(
          [&](int64_t c) { return at.target(c) * (log_sum - (at.x(c) - row.maximum)); });
  }
  if (at.lane != 0) return;
  if (narrow_loss != nullptr)
    narrow_loss[p] = narrow<T>(value);
  else
    wide[p] = static_cast<double>(value);
}

// Of a block: what `mean` divides by.
template <class T>
DEV double divisor_of(const Loss<T>& loss) {
  if (loss.indices == nullptr) return static_cast<double>(loss.positions);
  double sum = 0;
  for (int64_t p = threadIdx.x; p < loss.positions; p += threads) {
    const int64_t index = loss.indices[p];
    if (index == loss.ignore_index || index < 0 || index >= loss.classes) continue;
    sum += loss.weight != nullptr ? static_cast<double>(widen(loss.weight[index])) : 1.0;
  }
  return block_reduce<threads>(sum, Sum());
}

template <class T>
__global__ void __launch_bounds__(threads)
    cross_entropy_total(const Loss<T> loss, const double* losses, T* total, bool mean) {
  const double divisor = mean ? divisor_of(loss) : 1.0;
  __syncthreads();
  double sum = 0;
  for (int64_t p = threadIdx.x; p < loss.positions; p += threads) sum += losses[p];
  sum = block_reduce<threads>(sum, Sum());
  if (threadIdx.x == 0) *total = narrow<T>(static_cast<Compute<T>>(sum / divisor));
}

template <class T>
__global__ void __launch_bounds__(threads)
    cross_entropy_divisor(const Loss<T> loss, double* divisor) {
  const double sum = divisor_of(loss);
  if (threadIdx.x == 0) *divisor = sum;
}

// dx may be the memory of x: a thread writes only what it alone has read. `divisor` is null where
// nothing is divided, `each` says that dloss has an element per position.
template <class T, int Lanes>
__global__ void __launch_bounds__(threads)
    cross_entropy_slopes(const Loss<T> loss, const T* dloss, const double* divisor, T* dx,
                         bool each) {
  using C = Compute<T>;
  const int64_t p = position_number<Lanes>();
  if (p >= loss.positions) return;
  const Position<T, Lanes> at(loss, p);
  const C given = widen(dloss[each ? p : 0]);
  const C g = divisor != nullptr ? static_cast<C>(given / *divisor) : given;
  const Running<C> row = at.shift();
  const bool ignored = at.ignored(), softmax = !loss.log_probabilities;
  const C kept = softmax ? C(0) * (row.maximum - row.maximum) : C(0);  // NaN where scores have none
  C total = C(0);
  if (!ignored && softmax && at.legal())
    total = at.one_hot() ? at.target(at.index)
                         : at.sum_over_classes([&](int64_t c) { return at.target(c); });
  for (int64_t c = at.lane; c < loss.classes; c += Lanes) {
    C slope = kept;
    if (!at.legal() && !ignored) {
      slope = not_a_number<C>();
    } else if (!ignored) {
      const C share = softmax ? exponential(at.x(c) - row.maximum) / row.sum : C(0);
      slope = g * (total * share - at.target(c));
    }
    dx[at.place(c)] = narrow<T>(slope);
  }
}

template <class T>
Loss<T> typed(const CrossEntropyArgs& a) {
  return {static_cast<const T*>(a.x),
          a.indices,
          static_cast<const T*>(a.probabilities),
          static_cast<const T*>(a.weight),
          a.outer * a.inner,
          a.classes,
          a.inner,
          a.ignore_index,
          static_cast<Compute<T>>(a.label_smoothing),
          a.log_probabilities};
}

// Threads of a position.
int lanes_of(const CrossEntropyArgs& a) {
  constexpr int64_t short_row = 1024;
  if (a.inner > 1) return 1;
  return a.classes <= short_row ? warp_size : threads;
}

LaunchConfig config_of(const CrossEntropyArgs& a, StreamHandle stream) {
  const int64_t per_block = threads / lanes_of(a);
  const int64_t blocks = (a.outer * a.inner + per_block - 1) / per_block;
  GRADUS_CHECK(blocks <= 0x7fffffff, "[{}] {} positions are more than one launch can take", a.op,
               a.outer * a.inner);
  return {.grid = {static_cast<unsigned>(blocks)}, .block = {threads}, .stream = stream};
}

template <class T>
void forward(const CrossEntropyArgs& a, StreamHandle stream) {
  const Loss<T> loss = typed<T>(a);
  const bool each = a.reduction == LossReduction::none;
  T* const out = static_cast<T*>(a.loss);
  if (loss.positions > 0) {
    const int lanes = lanes_of(a);
    launch(lanes == 1           ? cross_entropy_positions<T, 1>
           : lanes == warp_size ? cross_entropy_positions<T, warp_size>
                                : cross_entropy_positions<T, threads>,
           config_of(a, stream), loss, a.workspace, each ? out : nullptr);
  }
  if (each) return;
  launch(cross_entropy_total<T>, {.grid = {1}, .block = {threads}, .stream = stream}, loss,
         a.workspace, out, a.reduction == LossReduction::mean);
}

template <class T>
void backward(const CrossEntropyArgs& a, StreamHandle stream) {
  const Loss<T> loss = typed<T>(a);
  if (loss.positions == 0) return;
  const bool mean = a.reduction == LossReduction::mean;
  if (mean)
    launch(cross_entropy_divisor<T>, {.grid = {1}, .block = {threads}, .stream = stream}, loss,
           a.workspace);
  const int lanes = lanes_of(a);
  launch(lanes == 1           ? cross_entropy_slopes<T, 1>
         : lanes == warp_size ? cross_entropy_slopes<T, warp_size>
                              : cross_entropy_slopes<T, threads>,
         config_of(a, stream), loss, static_cast<const T*>(a.dloss), mean ? a.workspace : nullptr,
         static_cast<T*>(a.dx), a.reduction == LossReduction::none);
}

template <class F>
void dispatch(const CrossEntropyArgs& args, F f) {
  switch (args.dtype) {
    case DType::f64:
      return f(double{});
    case DType::f32:
      return f(float{});
    case DType::f16:
      return f(f16{});
    case DType::bf16:
      return f(bf16{});
    default:
      failf(ErrorKind::unsupported, args.op, "no CUDA kernel for {}", dtype_name(args.dtype));
  }
}

}  // namespace

void cross_entropy_cuda(const CrossEntropyArgs& args, StreamHandle stream) {
  dispatch(args, [&](auto tag) { forward<decltype(tag)>(args, stream); });
}

void cross_entropy_backward_cuda(const CrossEntropyArgs& args, StreamHandle stream) {
  dispatch(args, [&](auto tag) { backward<decltype(tag)>(args, stream); });
}

}  // namespace gradus::kernels
