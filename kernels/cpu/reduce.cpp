// SPDX-License-Identifier: Apache-2.0
#include "kernels/reduce.h"

#include <limits>
#include <type_traits>

#include "engine/base/dispatch.h"
#include "engine/base/error.h"
#include "engine/base/parallel.h"

namespace gradus::kernels {
namespace {

// Some dims of x, walked in row-major order.
struct Axes {
  int rank = 0;
  int64_t count = 1;
  std::array<int64_t, Shape::max_rank> sizes{}, strides{};

  int64_t offset(int64_t index) const {
    int64_t at = 0;
    for (int d = rank - 1; d >= 0; --d) {
      at += index % sizes[static_cast<size_t>(d)] * strides[static_cast<size_t>(d)];
      index /= sizes[static_cast<size_t>(d)];
    }
    return at;
  }
};

Axes pick(const ReduceArgs& args, bool reduced) {
  Axes axes;
  const auto strides = args.shape.strides();
  for (int d = 0; d < args.shape.rank(); ++d) {
    if (args.reduced[static_cast<size_t>(d)] != reduced) continue;
    axes.sizes[static_cast<size_t>(axes.rank)] = args.shape[d];
    axes.strides[static_cast<size_t>(axes.rank++)] = strides[static_cast<size_t>(d)];
    axes.count *= args.shape[d];
  }
  return axes;
}

template <class T>
using Accumulator = std::conditional_t<std::is_floating_point_v<T>, double, int64_t>;

template <class T>
void reduce_typed(const ReduceArgs& args) {
  const Axes kept = pick(args, false), reduced = pick(args, true);
  const T* x = static_cast<const T*>(args.x);
  parallel_for(kept.count, [&](int64_t k) {
    const T* from = x + kept.offset(k);
    Accumulator<T> sum = 0;
    for (int64_t r = 0; r < reduced.count; ++r) sum += from[reduced.offset(r)];
    if (args.reduction == Reduction::mean) sum /= static_cast<Accumulator<T>>(reduced.count);
    dispatch_stored(args.out_dtype, [&](auto tag) {
      using Out = typename decltype(tag)::type;
      if constexpr (std::is_arithmetic_v<Out>)
        static_cast<Out*>(args.out)[k] = static_cast<Out>(sum);
    });
  });
}

}  // namespace

void reduce_cpu(const ReduceArgs& args) {
  dispatch_stored(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_arithmetic_v<T>) {
      reduce_typed<T>(args);
    } else {
      GRADUS_ASSERT(false, "reductions compute in whole types, not {}", dtype_name(args.dtype));
    }
  });
}

}  // namespace gradus::kernels
