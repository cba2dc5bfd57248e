// SPDX-License-Identifier: Apache-2.0
#include "kernels/cumulative_sum.h"

#include "engine/base/dispatch.h"
#include "engine/base/parallel.h"
#include "kernels/cpu/accumulator.h"

namespace gradus::kernels {
namespace {

constexpr int64_t elements_per_chunk = 1 << 14;

template <class A, class T, class Out>
void sum_line(const CumulativeSumArgs& args, int64_t line) {
  const int64_t start = line / args.inner * args.dim * args.inner + line % args.inner;
  const T* x = static_cast<const T*>(args.x) + start;
  Out* y = static_cast<Out*>(args.y) + start;
  A sum = 0;
  for (int64_t d = 0; d < args.dim; ++d) {
    const int64_t at = (args.reverse ? args.dim - 1 - d : d) * args.inner;
    sum += widened<A>(x[at]);
    y[at] = static_cast<Out>(settled(sum));
  }
}

template <class T, class Out>
void sum_lines(const CumulativeSumArgs& args) {
  using A = std::conditional_t<std::is_floating_point_v<Out>, double, uint64_t>;
  const int64_t grain = args.dim >= elements_per_chunk ? 1 : elements_per_chunk / args.dim;
  parallel_range(args.outer * args.inner, grain, [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) sum_line<A, T, Out>(args, line);
  });
}

}  // namespace

void cumulative_sum_cpu(const CumulativeSumArgs& args) {
  if (args.dim == 0) return;
  dispatch_stored(args.dtype, [&](auto in) {
    dispatch_stored(args.out_dtype, [&](auto out) {
      using T = typename decltype(in)::type;
      using Out = typename decltype(out)::type;
      if constexpr (std::is_arithmetic_v<T> && std::is_arithmetic_v<Out>) sum_lines<T, Out>(args);
    });
  });
}

}  // namespace gradus::kernels
