// SPDX-License-Identifier: Apache-2.0
#include "kernels/reduce.h"

#include <cmath>
#include <limits>
#include <type_traits>

#include "engine/base/dispatch.h"
#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "kernels/cpu/accumulator.h"
#include "kernels/reduce_axes.h"

namespace gradus::kernels {
namespace {

constexpr int64_t elements_per_chunk = 1 << 14;

template <class A, class T>
A sum_of(const ReduceAxes& axes, const T* from) {
  A sum = 0;
  axes.visit(from, [&](T x, int64_t) { sum += widened<A>(x); });
  return sum;
}

template <class A, class T>
A product_of(const ReduceAxes& axes, const T* from) {
  A product = 1;
  axes.visit(from, [&](T x, int64_t) { product *= widened<A>(x); });
  return product;
}

template <bool largest, class T>
T extreme_of(const ReduceAxes& axes, const T* from) {
  T best = *from;
  axes.visit(from, [&](T x, int64_t) {
    if (x != x || (largest ? x > best : x < best)) best = x;
  });
  return best;
}

// The largest size, or with p < 0 the smallest.
template <class T>
double extreme_size(const ReduceAxes& axes, const T* from, double p) {
  if (axes.count == 0) return 0;
  double best = std::fabs(static_cast<double>(*from));
  axes.visit(from, [&](T value, int64_t) {
    const double x = std::fabs(static_cast<double>(value));
    if (x != x || (p > 0 ? x > best : x < best)) best = x;
  });
  return best;
}

// Of x, or of x / unit.
template <bool in_units, class T>
double plain_norm(const ReduceAxes& axes, const T* from, double p, double unit = 1) {
  double sum = 0;
  axes.visit(from, [&](T value, int64_t) {
    double x = std::fabs(static_cast<double>(value));
    if constexpr (in_units) x /= unit;
    sum += p == 2 ? x * x : p == 1 ? x : p == 0 ? (x != 0 ? 1.0 : 0.0) : std::pow(x, p);
  });
  return p == 2 ? std::sqrt(sum) : p == 1 || p == 0 ? sum : std::pow(sum, 1 / p);
}

template <class T>
double norm_of(const ReduceAxes& axes, const T* from, double p) {
  if (std::isinf(p)) return extreme_size(axes, from, p);
  const double norm = plain_norm<false>(axes, from, p);
  // Between these bounds no power that counts was lost to overflow or underflow.
  const double reach = std::pow(1e280, 1 / p);
  if (p <= 1 || (norm > 1 / reach && norm < reach)) return norm;
  const double most = extreme_size(axes, from, p);
  return most > 0 && std::isfinite(most) ? most * plain_norm<true>(axes, from, p, most) : norm;
}

template <class T>
double log_sum_exp_of(const ReduceAxes& axes, const T* from) {
  if (axes.count == 0) return -std::numeric_limits<double>::infinity();
  const double best = extreme_of<true>(axes, from);
  const double shift = std::isinf(best) ? 0 : best;  // inf - inf would be NaN
  double sum = 0;
  axes.visit(from, [&](T x, int64_t) { sum += std::exp(static_cast<double>(x) - shift); });
  return std::log(sum) + shift;
}

template <class T>
double variance_of(const ReduceAxes& axes, const T* from, double correction) {
  const double count = static_cast<double>(axes.count);
  const double mean = sum_of<double>(axes, from) / count;
  double squares = 0, rest = 0;  // rest: what rounding left in the mean
  axes.visit(from, [&](T value, int64_t) {
    const double deviation = static_cast<double>(value) - mean;
    squares += deviation * deviation;
    rest += deviation;
  });
  const double freedom = count - correction;
  return (squares - rest * rest / count) / (freedom > 0 ? freedom : 0);
}

// The reductions of numbers whose result is floating.
template <class T>
double floating_result(const ReduceArgs& args, const ReduceAxes& axes, const T* from) {
  switch (args.reduction) {
    case Reduction::mean:
      return static_cast<double>(sum_of<double>(axes, from)) / static_cast<double>(axes.count);
    case Reduction::norm:
      return norm_of(axes, from, args.parameter);
    case Reduction::logsumexp:
      return log_sum_exp_of(axes, from);
    case Reduction::var:
      return variance_of(axes, from, args.parameter);
    default:
      return std::sqrt(variance_of(axes, from, args.parameter));
  }
}

template <class T>
bool truth_of(const ReduceAxes& axes, const T* from, bool all) {
  bool result = all;
  axes.visit(from, [&](T x, int64_t) { result = all ? result && x != T(0) : result || x != T(0); });
  return result;
}

template <class Value>
void store(const ReduceArgs& args, int64_t k, Value value) {
  dispatch_stored(args.out_dtype, [&](auto tag) {
    using Out = typename decltype(tag)::type;
    if constexpr (std::is_arithmetic_v<Out>)
      static_cast<Out*>(args.out)[k] = static_cast<Out>(value);
  });
}

template <class A, class T>
void store_folded(const ReduceArgs& args, const ReduceAxes& axes, const T* from, int64_t k) {
  const A value =
      args.reduction == Reduction::sum ? sum_of<A>(axes, from) : product_of<A>(axes, from);
  store(args, k, settled(value));
}

template <class T>
void reduce_one(const ReduceArgs& args, const ReduceAxes& axes, const T* from, int64_t k) {
  switch (args.reduction) {
    case Reduction::sum:
    case Reduction::prod:
      if (is_floating(args.out_dtype)) return store_folded<double>(args, axes, from, k);
      return store_folded<uint64_t>(args, axes, from, k);
    case Reduction::amax:
      return store(args, k, extreme_of<true>(axes, from));
    case Reduction::amin:
      return store(args, k, extreme_of<false>(axes, from));
    case Reduction::any:
    case Reduction::all:
      return store(args, k, truth_of(axes, from, args.reduction == Reduction::all));
    default:
      return store(args, k, floating_result(args, axes, from));
  }
}

int64_t lines_per_chunk(int64_t line) {
  return line >= elements_per_chunk ? 1 : elements_per_chunk / (line > 0 ? line : 1);
}

// others[r] = product of x[s], s != r: the products before r, then times those after.
template <class T>
void products_of_others(const ReduceAxes& axes, const T* x, T* dx, T dy) {
  double before = 1;
  axes.visit(x, [&](const T& value, int64_t) {
    dx[&value - x] = static_cast<T>(before);
    before *= static_cast<double>(value);
  });
  double after = static_cast<double>(dy);
  for (int64_t r = axes.count - 1; r >= 0; --r) {
    const int64_t at = axes.offset(r);
    dx[at] = static_cast<T>(static_cast<double>(dx[at]) * after);
    after *= static_cast<double>(x[at]);
  }
}

}  // namespace

void reduce_cpu(const ReduceArgs& args) {
  const ReduceAxes kept = pick_axes(args.shape, args.reduced, false);
  const ReduceAxes reduced = pick_axes(args.shape, args.reduced, true);
  dispatch_stored(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_arithmetic_v<T>) {
      const T* x = static_cast<const T*>(args.x);
      parallel_range(kept.count, lines_per_chunk(reduced.count), [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k) reduce_one(args, reduced, x + kept.offset(k), k);
      });
    } else {
      GRADUS_ASSERT(false, "reductions compute in whole types, not {}", dtype_name(args.dtype));
    }
  });
}

void prod_backward_cpu(const ProdBackwardArgs& args) {
  const ReduceAxes kept = pick_axes(args.shape, args.reduced, false);
  const ReduceAxes reduced = pick_axes(args.shape, args.reduced, true);
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_range(kept.count, lines_per_chunk(reduced.count), [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        const int64_t start = kept.offset(k);
        products_of_others(reduced, static_cast<const T*>(args.x) + start,
                           static_cast<T*>(args.dx) + start, static_cast<const T*>(args.dy)[k]);
      }
    });
  });
}

}  // namespace gradus::kernels
