// SPDX-License-Identifier: Apache-2.0
// Included by one source file per instruction set, each with its own vector types (in an unnamed
// namespace, so that no two share a symbol). Lanes: T, V (a vector of T), width; load, load_part
// (the first count values, others 0), store, store_part, broadcast, add, multiply_add(a, b, c) =
// a * b + c; block, and transpose(rows): block vectors as the columns of their block x block
// matrix.
#pragma once

#include <utility>

#include "kernels/cpu/dense_tile.h"

namespace gradus::kernels {
namespace {

inline int dense_part(int64_t count, int width) {
  return count < 0 ? 0 : count > width ? width : static_cast<int>(count);
}

// Rows * Vectors accumulators stay in registers. Rows are addressed in threes from one pointer each
// (base, base + stride, base + 2 strides), since there are too few registers for a pointer a row.
// `Height` is 1 for rows read in place, else the height of the tile that they are packed in: with
// the step a constant, four steps need no arithmetic but one addition a pointer. Whole: all columns
// exist.
template <class Lanes, int Rows, int Vectors, int Height, bool Whole>
void dense_tile_body(const DenseTileArgs<typename Lanes::T>& args) {
  using T = typename Lanes::T;
  using V = typename Lanes::V;
  constexpr int width = Lanes::width, bases = (Rows + 2) / 3;
  const int64_t a_row = Height == 1 ? args.a_row : 1, ldc = args.ldc;
  T* c = args.c;
  V sum[Rows][Vectors];
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
    __builtin_prefetch(c + r * ldc, 1);
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) sum[r][v] = Lanes::broadcast(0);
  }
  const T* base[bases];
#pragma GCC unroll 8
  for (int g = 0; g < bases; ++g) base[g] = args.a + 3 * g * a_row;
  const T* b = args.b;
  constexpr int unroll = 4;
  int64_t k = args.k;
  for (; k >= unroll; k -= unroll) {
#pragma GCC unroll 4
    for (int u = 0; u < unroll; ++u) {
      V column[Vectors];
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) column[v] = Lanes::load(b + (u * Vectors + v) * width);
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r) {
        const V row = Lanes::broadcast(base[r / 3][r % 3 * a_row + u * Height]);
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) Lanes::multiply_add(row, column[v], sum[r][v]);
      }
    }
#pragma GCC unroll 8
    for (int g = 0; g < bases; ++g) base[g] += unroll * Height;
    b += unroll * Vectors * width;
  }
  for (; k > 0; --k) {
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
      const V row = Lanes::broadcast(base[r / 3][r % 3 * a_row]);
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v)
        Lanes::multiply_add(row, Lanes::load(b + v * width), sum[r][v]);
    }
#pragma GCC unroll 8
    for (int g = 0; g < bases; ++g) base[g] += Height;
    b += Vectors * width;
  }
  const bool add = args.add;
  const T* bias = args.bias;
#pragma GCC unroll 4
  for (int v = 0; v < Vectors; ++v) {
    const int part = Whole ? width : dense_part(args.columns - v * width, width);
    const auto read = [&](const T* from) {
      return Whole ? Lanes::load(from) : Lanes::load_part(from, part);
    };
    const V shift = bias ? read(bias + v * width) : Lanes::broadcast(0);
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
      T* to = c + r * ldc + v * width;
      V value = sum[r][v];
      if (add) value = Lanes::add(read(to), value);
      if (bias) value = Lanes::add(value, shift);
      if (Whole)
        Lanes::store(to, value);
      else
        Lanes::store_part(to, value, part);
    }
  }
}

// One row of a panel; of `filled` elements that exist, the others are zero.
template <class Lanes, int Width>
void dense_pack_row(const typename Lanes::T* from, int64_t filled, typename Lanes::T* to) {
  constexpr int width = Lanes::width;
  for (int v = 0; v < Width; v += width) {
    const int exist = dense_part(filled - v, width), kept = dense_part(Width - v, width);
    Lanes::store_part(to + v, exist ? Lanes::load_part(from + v, exist) : Lanes::broadcast(0),
                      kept);
  }
}

// Eight steps at a time, panel after panel: where rows lie a multiple of 4 KiB apart they share one
// set of the L1 cache, which has eight ways. Rows lie in pages of their own, which no hardware
// prefetches across, so the next eight are asked for early. Whole vectors are stored where what
// they write past a row is written again later.
template <class Lanes, int Width>
void dense_pack_panels(const typename Lanes::T* from, int64_t ld, int64_t k, int64_t count,
                       typename Lanes::T* to) {
  constexpr int width = Lanes::width, stored = (Width + width - 1) / width * width;
  constexpr int64_t line = 64 / sizeof(typename Lanes::T);
  for (int64_t k0 = 0; k0 < k; k0 += 8) {
    const int64_t end = k - k0 < 8 ? k : k0 + 8;
    for (int64_t i = k0 + 8; i < (end + 8 < k ? end + 8 : k); ++i)
      for (int64_t j = 0; j < count; j += line) __builtin_prefetch(from + i * ld + j);
    for (int64_t first = 0; first < count; first += Width) {
      const typename Lanes::T* source = from + first;
      typename Lanes::T* panel = to + first * k;
      int64_t i = k0;
      if (count - first >= stored)
        for (; i < (stored == Width || end < k ? end : end - 1); ++i)
#pragma GCC unroll 4
          for (int v = 0; v < Width; v += width)
            Lanes::store(panel + i * Width + v, Lanes::load(source + i * ld + v));
      for (; i < end; ++i)
        dense_pack_row<Lanes, Width>(source + i * ld, count - first, panel + i * Width);
    }
  }
}

// Blocks of `Lanes::block` columns by as many steps are transposed in registers.
template <class Lanes, int Width>
void dense_pack_panels_transposed(const typename Lanes::T* from, int64_t ld, int64_t k,
                                  int64_t count, typename Lanes::T* to) {
  using Block = typename Lanes::Block;
  constexpr int size = Lanes::block;
  for (int64_t first = 0; first < (count + Width - 1) / Width * Width; first += size) {
    const int64_t columns = count - first;
    const typename Lanes::T* corner = from + first * ld;
    typename Lanes::T* panel = to + first / Width * Width * k + first % Width;
    int64_t i = 0;
    for (; columns >= size && i + size <= k; i += size) {
      Block rows[size];
#pragma GCC unroll 8
      for (int j = 0; j < size; ++j) rows[j] = Lanes::load_block(corner + j * ld + i);
      Lanes::transpose(rows);
#pragma GCC unroll 8
      for (int j = 0; j < size; ++j) Lanes::store_block(panel + (i + j) * Width, rows[j]);
    }
    for (; i < k; ++i)
      for (int j = 0; j < size; ++j) panel[i * Width + j] = j < columns ? corner[j * ld + i] : 0;
  }
}

template <class Lanes, int Vectors, int... Smaller>
constexpr DenseTile<typename Lanes::T> make_dense_tile(std::integer_sequence<int, Smaller...>) {
  constexpr int rows = sizeof...(Smaller), columns = Vectors * Lanes::width;
  return {rows,
          columns,
          {{{dense_tile_body<Lanes, Smaller + 1, Vectors, 1, false>...},
            {dense_tile_body<Lanes, Smaller + 1, Vectors, 1, true>...}}},
          {{{dense_tile_body<Lanes, Smaller + 1, Vectors, rows, false>...},
            {dense_tile_body<Lanes, Smaller + 1, Vectors, rows, true>...}}},
          dense_pack_panels<Lanes, columns>,
          dense_pack_panels_transposed<Lanes, columns>,
          dense_pack_panels<Lanes, rows>};
}

template <class Lanes, int Rows, int Vectors>
constexpr DenseTile<typename Lanes::T> make_dense_tile() {
  return make_dense_tile<Lanes, Vectors>(std::make_integer_sequence<int, Rows>());
}

}  // namespace
}  // namespace gradus::kernels
