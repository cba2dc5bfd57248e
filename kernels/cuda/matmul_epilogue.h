// SPDX-License-Identifier: Apache-2.0
// What the matmul kernels share: the shape of a launch, the order of its tiles, bias and activation.
#pragma once

#include "kernels/common/convert.h"
#include "kernels/common/cuda.h"
#include "kernels/matmul.h"

namespace gradus::kernels {

struct MatmulShape {
  int m, n, k;
  int64_t a_step, b_step, c_step;
  int tiles_m, tiles_n;
  bool vector_stores;  // rows of c start at multiples of 16 bytes
  Activation activation;
};

struct TilePosition {
  int64_t matrix;  // of the batch
  int m, n;        // in tiles
};

// Blocks that run at the same time share rows of a and columns of b in the L2 cache: columns of 8
// tiles are walked one after another.
DEV TilePosition tile_position(const MatmulShape& shape) {
  constexpr int group = 8;
  const int64_t per_matrix = int64_t{shape.tiles_m} * shape.tiles_n;
  const int64_t matrix = blockIdx.x / per_matrix;
  const int index = static_cast<int>(blockIdx.x - matrix * per_matrix);
  const int first_m = index / (group * shape.tiles_n) * group;
  const int rows = shape.tiles_m - first_m < group ? shape.tiles_m - first_m : group;
  const int inside = index - first_m * shape.tiles_n;
  return {matrix, first_m + inside % rows, inside / rows};
}

DEV float error_function(float x) { return erff(x); }
DEV double error_function(double x) { return erf(x); }
DEV float hyperbolic_tangent(float x) { return tanhf(x); }
DEV double hyperbolic_tangent(double x) { return tanh(x); }
DEV float logistic(float x) { return 1.0f / (1.0f + expf(-x)); }
DEV double logistic(double x) { return 1.0 / (1.0 + exp(-x)); }

template <class C>
DEV C activate(C x, Activation activation) {
  constexpr C sqrt_half = C(0.70710678118654752440);
  constexpr C sqrt_two_over_pi = C(0.79788456080286535588);
  switch (activation) {
    case Activation::none:
      return x;
    case Activation::relu:
      return x < C(0) ? C(0) : x;  // NaN stays NaN
    case Activation::gelu:
      return C(0.5) * x * (C(1) + error_function(x * sqrt_half));
    case Activation::gelu_tanh:
      return C(0.5) * x *
             (C(1) + hyperbolic_tangent(sqrt_two_over_pi * (x + C(0.044715) * x * x * x)));
    case Activation::silu:
      return x * logistic(x);
  }
  return x;
}

}  // namespace gradus::kernels
