// SPDX-License-Identifier: Apache-2.0
// Tiles of matmul operands in shared memory, for the tensor-core kernels: how they are copied there
// and how warps read mma fragments from them.
//
// A tile keeps the operand's own contiguous dim. K-major (k contiguous): rows of 64 bytes, one per
// row of the matrix. MN-major: one row per k. The 16-byte chunks of a row are permuted by the row
// number, so that the 8 rows of an ldmatrix, or the lanes of a warp, hit different banks.
#pragma once

#include "kernels/common/async_copy.h"
#include "kernels/common/convert.h"
#include "kernels/common/mma.h"
#include "kernels/common/vector.h"

namespace gradus::kernels {

inline constexpr int chunk_bytes = 16;
inline constexpr int k_major_row_bytes = 64;

// Elements of k in one stage of the pipeline: 32 of 16 bits, 16 of f32.
template <class T>
inline constexpr int tile_k = k_major_row_bytes / static_cast<int>(sizeof(T));

// k of one mma: 16 for 16-bit elements, 8 for tf32. Both are two chunks of a K-major row.
template <class T>
inline constexpr int mma_k = 32 / static_cast<int>(sizeof(T));

// Permutes the chunks of rows of 128 bytes and more. A warp's fragment spans 8 rows of one chunk
// for 16-bit elements, 4 rows of two chunks for f32.
template <class T>
DEV int swizzle_wide(int row, int chunk) {
  return sizeof(T) == 2 ? chunk ^ (row & 7) : chunk ^ ((row & 3) << 1);
}

// MN rows (of m or n) times tile_k<T> of one operand.
template <class T, int MN, bool KMajor, int Threads>
struct Tile {
  static constexpr int per_chunk = chunk_bytes / static_cast<int>(sizeof(T));
  static constexpr int row_bytes = KMajor ? k_major_row_bytes : MN * static_cast<int>(sizeof(T));
  static constexpr int row_chunks = row_bytes / chunk_bytes;
  static constexpr int rows = KMajor ? MN : tile_k<T>;
  static constexpr int bytes = rows * row_bytes;

  alignas(128) unsigned char data[bytes];

  DEV unsigned char* chunk(int row, int index) {
    const int permuted = KMajor ? index ^ (row >> 1 & 3) : swizzle_wide<T>(row, index);
    return data + row * row_bytes + permuted * chunk_bytes;
  }

  // Copies the part of the matrix at (mn0, k0); what lies outside (mn_end, k_end) becomes 0.
  // Aligned: every row of the matrix starts at a multiple of 16 bytes, and the copy runs beside the
  // caller until its group is waited for.
  template <bool Aligned>
  DEV void load(const T* matrix, int64_t pitch, int mn0, int mn_end, int k0, int k_end) {
    const int row0 = KMajor ? mn0 : k0;
    const int row_end = KMajor ? mn_end : k_end;
    const int column0 = KMajor ? k0 : mn0;
    const int column_end = KMajor ? k_end : mn_end;
#pragma unroll
    for (int i = 0; i < rows * row_chunks / Threads; ++i) {
      const int index = i * Threads + static_cast<int>(threadIdx.x);
      const int row = index / row_chunks;
      const int column = column0 + index % row_chunks * per_chunk;
      const int left = row0 + row < row_end + (planted(3) ? 1 : 0) ? column_end - column : 0;
      const int valid = left < 0 ? 0 : (left < per_chunk ? left : per_chunk);
      const T* from = valid > 0 ? matrix + (row0 + row) * pitch + column : matrix;
      unsigned char* to = chunk(row, index % row_chunks);
      if constexpr (Aligned) {
        cp_async_16(to, from, valid * static_cast<int>(sizeof(T)));
      } else {
        Vector<T, per_chunk> values = {};
#pragma unroll
        for (int j = 0; j < per_chunk; ++j)
          if (j < valid) values.at[j] = from[j];
        store_vector(reinterpret_cast<T*>(to), values);
      }
    }
  }

  // The a operand of an mma: rows mn..mn+15, k-step `step` of the tile.
  DEV void load_a(uint32_t (&r)[4], int mn, int step) {
    const int lane = static_cast<int>(threadIdx.x) % warp_size;
    if constexpr (KMajor) {
      ldmatrix_x4(r, chunk(mn + lane % 16, step * 2 + (planted(2) ? 0 : lane / 16)));
      round_to_tf32(r);
    } else if constexpr (sizeof(T) == 2) {
      const int row = step * 16 + lane % 8 + lane / 16 * 8;
      ldmatrix_x4_trans(r, chunk(row, mn / 8 + (lane / 8 & 1)));
    } else {
#pragma unroll
      for (int i = 0; i < 4; ++i)
        r[i] = element(mn + lane / 4 + (i & 1) * 8, step * 8 + lane % 4 + i / 2 * 4);
    }
  }

  // The b operands of two mmas: columns mn..mn+7 in r[0], r[1] and mn+8..mn+15 in r[2], r[3].
  DEV void load_b(uint32_t (&r)[4], int mn, int step) {
    const int lane = static_cast<int>(threadIdx.x) % warp_size;
    if constexpr (KMajor) {
      ldmatrix_x4(r, chunk(mn + lane % 8 + lane / 16 * 8, step * 2 + (lane / 8 & 1)));
      round_to_tf32(r);
    } else if constexpr (sizeof(T) == 2) {
      ldmatrix_x4_trans(r, chunk(step * 16 + lane % 16, mn / 8 + lane / 16));
    } else {
#pragma unroll
      for (int i = 0; i < 4; ++i)
        r[i] = element(mn + lane / 4 + i / 2 * 8, step * 8 + lane % 4 + (i & 1) * 4);
    }
  }

 private:
  // One f32 of an MN-major tile as tf32: ldmatrix cannot transpose 32-bit elements.
  DEV uint32_t element(int mn, int k) {
    const unsigned char* at = chunk(k, mn / per_chunk) + mn % per_chunk * 4;
    return to_tf32(*reinterpret_cast<const float*>(at));
  }

  // The tensor core would cut the mantissa off; rounding keeps the error unbiased.
  DEV static void round_to_tf32(uint32_t (&r)[4]) {
    if constexpr (sizeof(T) == 4) {
#pragma unroll
      for (int i = 0; i < 4; ++i) r[i] = to_tf32(__uint_as_float(r[i]));
    }
  }
};

}  // namespace gradus::kernels
