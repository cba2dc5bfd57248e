// SPDX-License-Identifier: Apache-2.0
// Matmul without tensor cores, for f32 at full precision and f64: two buffers in shared memory, the
// next tile is read into registers while the present one is multiplied. Not measured on hardware.
#include "kernels/common/launch.h"
#include "kernels/common/shared.h"
#include "kernels/common/vector.h"
#include "kernels/cuda/matmul_epilogue.h"
#include "kernels/cuda/matmul_variants.h"

namespace gradus::kernels {
namespace {

constexpr int side = 16;  // a block is side x side threads
constexpr int simt_threads = side * side;
constexpr int simt_k = 8;  // k of a tile

// A thread computes `vectors` x `vectors` squares of `width` x `width` elements, `side * width`
// apart, so that neighbouring threads read neighbouring vectors of shared memory.
template <class T>
struct Simt {
  static constexpr int width = 16 / static_cast<int>(sizeof(T));
  static constexpr int vectors = 2;
  static constexpr int per_thread = width * vectors;
  static constexpr int tile = side * per_thread;  // rows and columns of a block's tile
  static constexpr int pitch = tile + width;      // keeps the stores of K-major operands apart
  static constexpr int loads = tile * simt_k / simt_threads;
};

template <class T>
using SimtTile = T[simt_k][Simt<T>::pitch];

// Reads this thread's share of the tile at (mn0, k0); zeros outside.
template <class T, bool KMajor>
DEV void read_tile(T (&registers)[Simt<T>::loads], const T* matrix, int64_t pitch, int mn0,
                   int mn_end, int k0, int k_end) {
#pragma unroll
  for (int i = 0; i < Simt<T>::loads; ++i) {
    const int index = i * simt_threads + static_cast<int>(threadIdx.x);
    const int mn = mn0 + (KMajor ? index / simt_k : index % Simt<T>::tile);
    const int k = k0 + (KMajor ? index % simt_k : index / Simt<T>::tile);
    const bool inside = mn < mn_end && k < k_end;
    registers[i] = inside ? matrix[KMajor ? mn * pitch + k : k * pitch + mn] : T(0);
  }
}

template <class T, bool KMajor>
DEV void write_tile(SimtTile<T>& tile, const T (&registers)[Simt<T>::loads]) {
#pragma unroll
  for (int i = 0; i < Simt<T>::loads; ++i) {
    const int index = i * simt_threads + static_cast<int>(threadIdx.x);
    const int mn = KMajor ? index / simt_k : index % Simt<T>::tile;
    const int k = KMajor ? index % simt_k : index / Simt<T>::tile;
    tile[k][mn] = registers[i];
  }
}

template <class T>
DEV void read_fragment(T (&fragment)[Simt<T>::per_thread], const T* row, int thread) {
  constexpr int width = Simt<T>::width;
#pragma unroll
  for (int v = 0; v < Simt<T>::vectors; ++v) {
    const Vector<T, width> values = load_vector<width>(row + (v * side + thread) * width);
#pragma unroll
    for (int j = 0; j < width; ++j) fragment[v * width + j] = values.at[j];
  }
}

template <class T>
DEV void multiply_tiles(T (&acc)[Simt<T>::per_thread][Simt<T>::per_thread], const SimtTile<T>& a,
                        const SimtTile<T>& b, int row, int column) {
#pragma unroll
  for (int k = 0; k < simt_k; ++k) {
    T fa[Simt<T>::per_thread];
    T fb[Simt<T>::per_thread];
    read_fragment<T>(fa, a[k], row);
    read_fragment<T>(fb, b[k], column);
#pragma unroll
    for (int i = 0; i < Simt<T>::per_thread; ++i)
#pragma unroll
      for (int j = 0; j < Simt<T>::per_thread; ++j) acc[i][j] += fa[i] * fb[j];
  }
}

// Where element `i` of a thread's rows or columns lies in the tile.
template <class T>
DEV int place(int thread, int i) {
  constexpr int width = Simt<T>::width;
  return (i / width * side + thread) * width + i % width;
}

template <class T, bool AKMajor, bool BKMajor>
__global__ void __launch_bounds__(simt_threads)
    matmul_simt_kernel(const T* a, const T* b, T* c, const T* bias, const MatmulShape shape) {
  constexpr int tile = Simt<T>::tile, loads = Simt<T>::loads, per_thread = Simt<T>::per_thread;
  SHARED(tiles_a, SimtTile<T>[2]);
  SHARED(tiles_b, SimtTile<T>[2]);
  const TilePosition at = tile_position(shape);
  const int m0 = at.m * tile, n0 = at.n * tile;
  a += at.a;
  b += at.b;
  c += at.c;
  const int row = static_cast<int>(threadIdx.x) / side;
  const int column = static_cast<int>(threadIdx.x) % side;

  T next_a[loads], next_b[loads];
  T acc[per_thread][per_thread] = {};
  read_tile<T, AKMajor>(next_a, a, shape.lda, m0, shape.m, 0, shape.k);
  read_tile<T, BKMajor>(next_b, b, shape.ldb, n0, shape.n, 0, shape.k);
  int buffer = 0;
  for (int k0 = 0; k0 < shape.k; k0 += simt_k, buffer ^= 1) {
    write_tile<T, AKMajor>(tiles_a[buffer], next_a);
    write_tile<T, BKMajor>(tiles_b[buffer], next_b);
    __syncthreads();  // the other buffer's readers have passed the last one
    read_tile<T, AKMajor>(next_a, a, shape.lda, m0, shape.m, k0 + simt_k, shape.k);
    read_tile<T, BKMajor>(next_b, b, shape.ldb, n0, shape.n, k0 + simt_k, shape.k);
    multiply_tiles<T>(acc, tiles_a[buffer], tiles_b[buffer], row, column);
  }
#pragma unroll
  for (int j = 0; j < per_thread; ++j) {
    const int n = n0 + place<T>(column, j);
    if (n >= shape.n) continue;
    const T added = bias != nullptr ? bias[n] : T(0);
#pragma unroll
    for (int i = 0; i < per_thread; ++i) {
      const int m = m0 + place<T>(row, i);
      if (m >= shape.m) continue;
      T& element = c[m * shape.ldc + n];
      const T sum = acc[i][j] + added + (shape.accumulate ? element : T(0));
      element = activate(sum, shape.activation);
    }
  }
}

template <class T, bool AKMajor, bool BKMajor>
void launch_simt(const MatmulArgs& args, StreamHandle stream) {
  const MatmulShape shape = matmul_shape(args, Simt<T>::tile, Simt<T>::tile);
  launch(matmul_simt_kernel<T, AKMajor, BKMajor>,
         {.grid = {matmul_grid(args, shape)}, .block = {simt_threads}, .stream = stream},
         static_cast<const T*>(args.a), static_cast<const T*>(args.b), static_cast<T*>(args.c),
         static_cast<const T*>(args.bias), shape);
}

template <class T>
void launch_typed(const MatmulArgs& args, StreamHandle stream) {
  if (args.transpose_a) {
    args.transpose_b ? launch_simt<T, false, true>(args, stream)
                     : launch_simt<T, false, false>(args, stream);
  } else {
    args.transpose_b ? launch_simt<T, true, true>(args, stream)
                     : launch_simt<T, true, false>(args, stream);
  }
}

}  // namespace

void matmul_simt(const MatmulArgs& args, StreamHandle stream) {
  args.dtype == DType::f64 ? launch_typed<double>(args, stream) : launch_typed<float>(args, stream);
}

}  // namespace gradus::kernels
