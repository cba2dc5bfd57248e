// SPDX-License-Identifier: Apache-2.0
// The maximum and the sum of exponentials of a row in one pass over it (Milakov and Gimelshein
// 2018, "Online normalizer calculation for softmax").
#pragma once

#include "kernels/common/convert.h"
#include "kernels/common/cuda.h"

namespace gradus::kernels {

template <class C>
DEV C minus_infinity() {
  return -C(__builtin_huge_val());
}

DEV float exponential(float x) { return expf(x); }
DEV double exponential(double x) { return exp(x); }
DEV float logarithm(float x) { return logf(x); }
DEV double logarithm(double x) { return log(x); }

// The maximum of some elements and the sum of exp(element - maximum).
template <class C>
struct Running {
  C maximum;
  C sum;
};

template <class C>
DEV Running<C> no_elements() {
  return {minus_infinity<C>(), C(0)};
}

// Elements that are -inf add nothing, so that two of them do not make a NaN.
template <class C>
DEV void add(Running<C>& running, C x) {
  if (x == minus_infinity<C>()) return;
  const C maximum = x > running.maximum ? x : running.maximum;
  const C kept = running.sum == C(0) ? C(0) : running.sum * exponential(running.maximum - maximum);
  running = {maximum, kept + exponential(x - maximum)};
}

template <class C>
DEV Running<C> combine(const Running<C>& a, const Running<C>& b) {
  const C maximum = a.maximum > b.maximum ? a.maximum : b.maximum;
  const C left = a.sum == C(0) ? C(0) : a.sum * exponential(a.maximum - maximum);
  const C right = b.sum == C(0) ? C(0) : b.sum * exponential(b.maximum - maximum);
  return {maximum, left + right};
}

}  // namespace gradus::kernels
