// SPDX-License-Identifier: Apache-2.0
// sum and mean: floats in f64, integers modulo 2^64 (a mean of them in f64).
#include "kernels/cuda/reduce_kernel.h"

namespace gradus::kernels {
namespace {

template <class X>
struct SumRule {
  using A = std::conditional_t<std::is_integral_v<X>, uint64_t, double>;
  Reduction reduction;

  DEV static A start() { return A(0); }
  DEV A take(A sum, X x) const { return sum + static_cast<A>(x); }
  DEV A join(A a, A b) const { return a + b; }
  DEV auto result(A sum, int64_t count) const {
    if constexpr (std::is_integral_v<X>) {
      const int64_t whole = static_cast<int64_t>(sum);
      // A mean goes to a floating type; whole numbers of a sum stay exact up to 2^53 there.
      const double mean = static_cast<double>(whole) / static_cast<double>(count);
      return reduction == Reduction::mean ? Either{mean, whole, true} : Either{mean, whole, false};
    } else {
      return reduction == Reduction::mean ? sum / static_cast<double>(count) : sum;
    }
  }

  // A number that is stored as one of two.
  struct Either {
    double real;
    int64_t whole;
    bool is_real;
    DEV explicit operator double() const { return is_real ? real : static_cast<double>(whole); }
    DEV explicit operator float() const {
      return is_real ? static_cast<float>(real) : static_cast<float>(whole);
    }
    DEV explicit operator int64_t() const { return whole; }
    DEV explicit operator int32_t() const { return static_cast<int32_t>(whole); }
    DEV explicit operator uint8_t() const { return static_cast<uint8_t>(whole); }
  };
};

}  // namespace

void reduce_sums(const ReduceCall& call) { reduce_typed<SumRule>(call); }

}  // namespace gradus::kernels
