// SPDX-License-Identifier: Apache-2.0
// amax and amin; NaN wins.
#include <limits>

#include "kernels/cuda/reduce_kernel.h"

namespace gradus::kernels {
namespace {

template <class X, bool largest>
struct ExtremeRule {
  using A = X;
  Reduction reduction;

  DEV static A start() {
    if constexpr (std::is_integral_v<X>) {
      constexpr X most = std::numeric_limits<X>::max(), least = std::numeric_limits<X>::min();
      return largest ? least : most;
    } else {
      return largest ? -X(__builtin_huge_val()) : X(__builtin_huge_val());
    }
  }
  DEV A take(A best, X x) const { return x != x || (largest ? x > best : x < best) ? x : best; }
  // The first NaN stays.
  DEV A join(A a, A b) const { return a != a ? a : take(a, b); }
  DEV X result(A best, int64_t) const { return best; }
};
template <class X>
using Largest = ExtremeRule<X, true>;
template <class X>
using Smallest = ExtremeRule<X, false>;

}  // namespace

void reduce_extremes(const ReduceCall& call) {
  call.args.reduction == Reduction::amax ? reduce_typed<Largest>(call)
                                         : reduce_typed<Smallest>(call);
}

}  // namespace gradus::kernels
