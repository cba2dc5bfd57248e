// SPDX-License-Identifier: Apache-2.0
// prod: floats in f64, integers modulo 2^64.
#include "kernels/cuda/reduce_kernel.h"

namespace gradus::kernels {
namespace {

template <class X>
struct ProductRule {
  using A = std::conditional_t<std::is_integral_v<X>, uint64_t, double>;
  Reduction reduction;

  DEV static A start() { return A(1); }
  DEV A take(A product, X x) const { return product * static_cast<A>(x); }
  DEV A join(A a, A b) const { return a * b; }
  DEV auto result(A product, int64_t) const {
    if constexpr (std::is_integral_v<X>)
      return static_cast<int64_t>(product);
    else
      return product;
  }
};

}  // namespace

void reduce_products(const ReduceCall& call) { reduce_typed<ProductRule>(call); }

}  // namespace gradus::kernels
