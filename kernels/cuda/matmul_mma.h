// SPDX-License-Identifier: Apache-2.0
// Matmul on the tensor cores of sm_80 and later (mma.sync): a pipeline of cp.async stages in
// shared memory, f32 accumulators in registers, results staged through shared memory so that rows
// of c are stored in whole sectors. Not measured on hardware.
#pragma once

#include <array>

#include "kernels/common/launch.h"
#include "kernels/common/shared.h"
#include "kernels/cuda/matmul_epilogue.h"
#include "kernels/cuda/matmul_tile.h"

namespace gradus::kernels {

inline constexpr int matmul_stages = 4;

// A block computes BM x BN, its warps WM x WN each.
template <int BM_, int BN_, int WM_, int WN_>
struct MmaConfig {
  static constexpr int BM = BM_, BN = BN_, WM = WM_, WN = WN_;
  static constexpr int warps_n = BN / WN;
  static constexpr int threads = BM / WM * warps_n * warp_size;
  // Two blocks of 256 threads would cap a thread at 128 registers, a few less than the accumulators
  // and fragments of 64 x 32 take.
  static constexpr int blocks_per_sm = threads == 256 ? 1 : 3;
};
using LargeTile = MmaConfig<128, 128, 64, 32>;
using SmallTile = MmaConfig<64, 64, 32, 32>;

template <class T, class Config, bool AKMajor, bool BKMajor>
struct MmaShared {
  using TileA = Tile<T, Config::BM, AKMajor, Config::threads>;
  using TileB = Tile<T, Config::BN, BKMajor, Config::threads>;
  struct Stage {
    TileA a;
    TileB b;
  };
  union {
    Stage stages[matmul_stages];
    alignas(128) T c[Config::BM * Config::BN];
  };
};

template <class T>
DEV void multiply(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  if constexpr (sizeof(T) == 2) {
    mma_16816(d, a, b0, b1, T{});
  } else {
    mma_1688_tf32(d, a, b0, b1);
  }
}

// acc += the product of one stage, for the warp's part of the tile.
template <class T, class Config, class Stage, int FM, int FN>
DEV void multiply_stage(float (&acc)[FM][FN][4], Stage& stage, int warp_m, int warp_n) {
#pragma unroll
  for (int step = 0; step < tile_k<T> / mma_k<T>; ++step) {
    uint32_t a[FM][4];
    uint32_t b[FN / 2][4];
#pragma unroll
    for (int i = 0; i < FM; ++i) stage.a.load_a(a[i], warp_m + i * 16, step);
#pragma unroll
    for (int j = 0; j < FN / 2; ++j) stage.b.load_b(b[j], warp_n + j * 16, step);
#pragma unroll
    for (int i = 0; i < FM; ++i)
#pragma unroll
      for (int j = 0; j < FN; ++j)
        multiply<T>(acc[i][j], a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
  }
}

// Element (row, column) of the staged result; pairs of columns stay neighbours.
template <class T, int BN>
DEV T* staged(T* tile, int row, int column) {
  constexpr int per_chunk = chunk_bytes / static_cast<int>(sizeof(T));
  return tile + row * BN + swizzle_wide<T>(row, column / per_chunk) * per_chunk +
         column % per_chunk;
}

// An element of the product with what is added to it, after the activation.
template <class T>
DEV T finished(float value, const T* c, float bias, const MatmulShape& shape, int row, int column) {
  value += bias;
  if (shape.accumulate && row < shape.m && column < shape.n)
    value += widen(c[row * shape.ldc + column]);
  return narrow<T>(activate(value, shape.activation));
}

// Puts the warp's finished accumulators into the staged tile, whose first element is (m0, n0) of
// the matrix at `c`.
template <class T, class Config, int FM, int FN>
DEV void stage_result(T* tile, const float (&acc)[FM][FN][4], const T* c, const T* bias,
                      const MatmulShape& shape, int m0, int n0, int warp_m, int warp_n) {
  const int lane = static_cast<int>(threadIdx.x) % warp_size;
#pragma unroll
  for (int j = 0; j < FN; ++j) {
    const int column = warp_n + j * 8 + lane % 4 * 2;
    float added[2];
#pragma unroll
    for (int e = 0; e < 2; ++e)
      added[e] = bias != nullptr && n0 + column + e < shape.n ? widen(bias[n0 + column + e]) : 0.0f;
#pragma unroll
    for (int i = 0; i < FM; ++i)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int row = warp_m + i * 16 + lane / 4 + half * 8;
        Vector<T, 2> pair;
#pragma unroll
        for (int e = 0; e < 2; ++e)
          pair.at[e] =
              finished(acc[i][j][half * 2 + e], c, added[e], shape, m0 + row, n0 + column + e);
        store_vector(staged<T, Config::BN>(tile, row, column), pair);
      }
  }
}

// Stores the staged tile, whose first element is (m0, n0) of the matrix at `out`.
template <class T, class Config>
DEV void store_result(T* c, T* tile, const MatmulShape& shape, int m0, int n0) {
  constexpr int per_chunk = chunk_bytes / static_cast<int>(sizeof(T));
  constexpr int row_chunks = Config::BN / per_chunk;
#pragma unroll 4
  for (int i = 0; i < Config::BM * row_chunks / Config::threads; ++i) {
    const int index = i * Config::threads + static_cast<int>(threadIdx.x);
    const int row = index / row_chunks;
    const int column = index % row_chunks * per_chunk;
    const int left = m0 + row < shape.m ? shape.n - n0 - column : 0;
    if (left <= 0) continue;
    const Vector<T, per_chunk> values =
        load_vector<per_chunk>(staged<T, Config::BN>(tile, row, column));
    T* to = c + (m0 + row) * shape.ldc + n0 + column;
    if (shape.vector_stores && left >= per_chunk) {
      store_vector(to, values);
    } else {
#pragma unroll
      for (int j = 0; j < per_chunk; ++j)
        if (j < left) to[j] = values.at[j];
    }
  }
}

template <class T, class Config, bool AKMajor, bool BKMajor, bool Aligned>
__global__ void __launch_bounds__(Config::threads, Config::blocks_per_sm)
    matmul_mma(const T* a, const T* b, T* c, const T* bias, const MatmulShape shape) {
  using Shared = MmaShared<T, Config, AKMajor, BKMajor>;
  constexpr int FM = Config::WM / 16, FN = Config::WN / 8;
  Shared& shared = dynamic_shared<Shared>();
  const TilePosition tile = tile_position(shape);
  const int m0 = tile.m * Config::BM, n0 = tile.n * Config::BN;
  a += tile.a;
  b += tile.b;
  c += tile.c;
  const int warp = static_cast<int>(threadIdx.x) / warp_size;
  const int warp_m = warp / Config::warps_n * Config::WM;
  const int warp_n = warp % Config::warps_n * Config::WN;
  const int steps = (shape.k + tile_k<T> - 1) / tile_k<T>;

  const auto load = [&](int step) {
    if (step < steps) {
      auto& stage = shared.stages[step % matmul_stages];
      stage.a.template load<Aligned>(a, shape.lda, m0, shape.m, step * tile_k<T>, shape.k);
      stage.b.template load<Aligned>(b, shape.ldb, n0, shape.n, step * tile_k<T>, shape.k);
    }
    if constexpr (Aligned) cp_async_commit();  // also when empty: the waits count groups
  };
  float acc[FM][FN][4] = {};
#pragma unroll
  for (int step = 0; step < matmul_stages - 1; ++step) load(step);
  for (int step = 0; step < steps; ++step) {
    if constexpr (Aligned) cp_async_wait<matmul_stages - 2>();
    __syncthreads();  // this stage has landed for all, and all are done with the one refilled next
    load(step + matmul_stages - 1);
    multiply_stage<T, Config>(acc, shared.stages[step % matmul_stages], warp_m, warp_n);
  }
  __syncthreads();  // the staged result takes the memory of the stages
  stage_result<T, Config>(shared.c, acc, c, bias, shape, m0, n0, warp_m, warp_n);
  __syncthreads();
  store_result<T, Config>(c, shared.c, shape, m0, n0);
}

// Tiles so large that c needs few of them leave multiprocessors idle.
inline bool wants_large_tiles(const MatmulArgs& args) {
  constexpr int64_t enough_blocks = 128;
  const MatmulShape shape = matmul_shape(args, LargeTile::BM, LargeTile::BN);
  return shape.blocks(args.batch.numel()) >= enough_blocks;
}

// Whether all rows of a batch of matrices start at multiples of 16 bytes.
template <class T>
bool rows_aligned(const void* matrices, int64_t pitch,
                  const std::array<int64_t, Shape::max_rank>& strides) {
  bool aligned = vectors_fit<T>(matrices, pitch);
  for (const int64_t stride : strides) aligned = aligned && vectors_fit<T>(matrices, stride);
  return aligned;
}

template <class T, class Config, bool AKMajor, bool BKMajor, bool Aligned>
void launch_mma(const MatmulArgs& args, StreamHandle stream) {
  MatmulShape shape = matmul_shape(args, Config::BM, Config::BN);
  shape.vector_stores = vectors_fit<T>(args.c, args.ldc) && vectors_fit<T>(args.c, args.c_stride);
  launch(matmul_mma<T, Config, AKMajor, BKMajor, Aligned>,
         {.grid = {matmul_grid(args, shape)},
          .block = {Config::threads},
          .shared_bytes = sizeof(MmaShared<T, Config, AKMajor, BKMajor>),
          .stream = stream},
         static_cast<const T*>(args.a), static_cast<const T*>(args.b), static_cast<T*>(args.c),
         static_cast<const T*>(args.bias), shape);
}

template <class T, bool AKMajor, bool BKMajor>
void launch_mma_majors(const MatmulArgs& args, StreamHandle stream) {
  const bool aligned = rows_aligned<T>(args.a, args.lda, args.a_strides) &&
                       rows_aligned<T>(args.b, args.ldb, args.b_strides);
  if (!aligned) return launch_mma<T, SmallTile, AKMajor, BKMajor, false>(args, stream);
  if (wants_large_tiles(args))
    return launch_mma<T, LargeTile, AKMajor, BKMajor, true>(args, stream);
  launch_mma<T, SmallTile, AKMajor, BKMajor, true>(args, stream);
}

// The whole of matmul for one element type.
template <class T>
void matmul_mma_typed(const MatmulArgs& args, StreamHandle stream) {
  if (args.transpose_a) {
    args.transpose_b ? launch_mma_majors<T, false, true>(args, stream)
                     : launch_mma_majors<T, false, false>(args, stream);
  } else {
    args.transpose_b ? launch_mma_majors<T, true, true>(args, stream)
                     : launch_mma_majors<T, true, false>(args, stream);
  }
}

}  // namespace gradus::kernels
