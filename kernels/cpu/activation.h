// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/activation.h"

namespace gradus::kernels {

// The activation of one value. NaN stays NaN.
template <class T>
T activate(T x, Activation activation) {
  switch (activation) {
    case Activation::none:
      return x;
    case Activation::relu:
      return x <= T(0) ? T(0) : x;
    case Activation::gelu:
      return T(0.5) * x * (T(1) + std::erf(x * T(0.70710678118654752)));
    case Activation::gelu_tanh: {
      const T inner = T(0.79788456080286536) * (x + T(0.044715) * x * x * x);
      return T(0.5) * x * (T(1) + std::tanh(inner));
    }
    case Activation::silu:
      return x / (T(1) + std::exp(-x));
    case Activation::sigmoid:
      return T(1) / (T(1) + std::exp(-x));
    case Activation::tanh:
      return std::tanh(x);
  }
  return x;
}

// Of (rows, columns) values in rows of stride ldc.
template <class T>
void activate_rows(Activation activation, T* c, int64_t ldc, int64_t rows, int64_t columns) {
  if (activation == Activation::none) return;
  for (int64_t r = 0; r < rows; ++r) {
    T* row = c + r * ldc;
    if (activation == Activation::relu)
      for (int64_t j = 0; j < columns; ++j) row[j] = row[j] <= T(0) ? T(0) : row[j];
    else
      for (int64_t j = 0; j < columns; ++j) row[j] = activate(row[j], activation);
  }
}

}  // namespace gradus::kernels
