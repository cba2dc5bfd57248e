// SPDX-License-Identifier: Apache-2.0
// What the matmul kernels share: the shape of a launch, the order of its tiles, bias and
// activation.
#pragma once

#include "engine/base/error.h"
#include "kernels/common/convert.h"
#include "kernels/common/cuda.h"
#include "kernels/matmul.h"

namespace gradus::kernels {

// The part of MatmulArgs that kernels need, for tiles of a given size.
struct MatmulShape {
  int m, n, k;
  int64_t lda, ldb, ldc;
  int batch_rank;
  int batch[Shape::max_rank];
  int64_t a_strides[Shape::max_rank], b_strides[Shape::max_rank];
  int64_t c_stride;
  int tiles_m, tiles_n;
  bool vector_stores;  // rows of c start at multiples of 16 bytes
  bool accumulate;
  Activation activation;

  int64_t blocks(int64_t matrices) const { return matrices * tiles_m * tiles_n; }
};

inline MatmulShape matmul_shape(const MatmulArgs& args, int tile_m, int tile_n) {
  const auto tiles = [](int64_t size, int tile) {
    return static_cast<int>((size + tile - 1) / tile);
  };
  MatmulShape shape = {};
  shape.m = static_cast<int>(args.m);
  shape.n = static_cast<int>(args.n);
  shape.k = static_cast<int>(args.k);
  shape.lda = args.lda;
  shape.ldb = args.ldb;
  shape.ldc = args.ldc;
  shape.batch_rank = args.batch.rank();
  for (int d = 0; d < shape.batch_rank; ++d) {
    shape.batch[d] = static_cast<int>(args.batch[d]);
    shape.a_strides[d] = args.a_strides[static_cast<size_t>(d)];
    shape.b_strides[d] = args.b_strides[static_cast<size_t>(d)];
  }
  shape.c_stride = args.c_stride;
  shape.tiles_m = tiles(args.m, tile_m);
  shape.tiles_n = tiles(args.n, tile_n);
  shape.accumulate = args.accumulate;
  shape.activation = args.activation;
  return shape;
}

// The grid of a launch with a block per tile. Throws where one launch cannot take so many.
inline unsigned matmul_grid(const MatmulArgs& args, const MatmulShape& shape) {
  const int64_t blocks = shape.blocks(args.batch.numel());
  GRADUS_CHECK(blocks <= 0x7fffffff, "[matmul] {} tiles are more than one launch can take", blocks);
  return static_cast<unsigned>(blocks);
}

struct TilePosition {
  int m, n;         // in tiles
  int64_t a, b, c;  // elements before the matrices of this batch index
};

// Blocks that run at the same time share rows of a and columns of b in the L2 cache: columns of 8
// tiles are walked one after another.
DEV TilePosition tile_position(const MatmulShape& shape) {
  constexpr int group = 8;
  const int per_matrix = shape.tiles_m * shape.tiles_n;
  int matrix = static_cast<int>(blockIdx.x) / per_matrix;
  const int index = static_cast<int>(blockIdx.x) % per_matrix;
  const int first_m = index / (group * shape.tiles_n) * group;
  const int rows = shape.tiles_m - first_m < group ? shape.tiles_m - first_m : group;
  const int inside = index - first_m * shape.tiles_n;
  TilePosition at{first_m + inside % rows, inside / rows, 0, 0, matrix * shape.c_stride};
  for (int d = shape.batch_rank - 1; d >= 0; --d) {
    at.a += matrix % shape.batch[d] * shape.a_strides[d];
    at.b += matrix % shape.batch[d] * shape.b_strides[d];
    matrix /= shape.batch[d];
  }
  return at;
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
    case Activation::sigmoid:
      return logistic(x);
    case Activation::tanh:
      return hyperbolic_tangent(x);
  }
  return x;
}

}  // namespace gradus::kernels
