// SPDX-License-Identifier: Apache-2.0
// any and all of what is not 0; NaN is not.
#include "kernels/cuda/reduce_kernel.h"

namespace gradus::kernels {
namespace {

// `all` looks for an element that is 0, `any` for one that is not.
template <class X>
struct TruthRule {
  using A = int;
  Reduction reduction;

  DEV static A start() { return 0; }
  DEV A take(A found, X x) const { return found | ((x != X(0)) == (reduction == Reduction::any)); }
  DEV A join(A a, A b) const { return a | b; }
  DEV int result(A found, int64_t) const { return reduction == Reduction::any ? found : 1 - found; }
};

}  // namespace

void reduce_truths(const ReduceCall& call) { reduce_typed<TruthRule>(call); }

}  // namespace gradus::kernels
