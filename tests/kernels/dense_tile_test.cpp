// SPDX-License-Identifier: Apache-2.0
// Register tiles and packing of every instruction set here, on whole numbers: results are equal,
// and nothing outside them is written.
#include "kernels/cpu/dense_tile.h"

#include <gtest/gtest.h>

#include <vector>

#include "engine/base/instruction_set.h"

namespace gradus::kernels {
namespace {

template <class T>
T value(int64_t i) {
  return static_cast<T>(i * 7919 % 17 - 8);
}

// Operands of a tile of all rows; a in place has rows of stride k + 3.
template <class T>
struct Operands {
  const DenseTile<T>& tile;
  int64_t k;
  std::vector<T> a, packed, b;

  Operands(const DenseTile<T>& t, int64_t steps) : tile(t), k(steps) {
    for (int64_t i = 0; i < tile.rows * (k + 3); ++i) a.push_back(value<T>(i));
    for (int64_t i = 0; i < k * tile.columns; ++i) b.push_back(value<T>(3 * i + 1));
    for (int64_t i = 0; i < k; ++i)
      for (int64_t r = 0; r < tile.rows; ++r)
        packed.push_back(a[static_cast<size_t>(r * (k + 3) + i)]);
  }

  T product(int64_t r, int64_t j) const {
    T sum = 0;
    for (int64_t i = 0; i < k; ++i)
      sum += a[static_cast<size_t>(r * (k + 3) + i)] * b[static_cast<size_t>(i * tile.columns + j)];
    return sum;
  }
};

// c = a b, then c += a b + bias.
template <class T>
void check_tile(const Operands<T>& operands, bool in_place, int rows, int columns) {
  const DenseTile<T>& tile = operands.tile;
  const int64_t ldc = tile.columns + 3;
  std::vector<T> c(static_cast<size_t>(tile.rows * ldc), T(5)), bias;
  for (int j = 0; j < columns; ++j) bias.push_back(value<T>(j));
  const auto& multiply = in_place ? tile.multiply : tile.multiply_packed;
  const auto run = multiply.run[columns == tile.columns][static_cast<size_t>(rows - 1)];
  DenseTileArgs<T> args{operands.k,     in_place ? operands.a.data() : operands.packed.data(),
                        operands.k + 3, operands.b.data(),
                        c.data(),       ldc,
                        columns,        false,
                        nullptr};
  run(args);
  args.add = true;
  args.bias = bias.data();
  run(args);
  for (int64_t r = 0; r < tile.rows; ++r)
    for (int64_t j = 0; j < ldc; ++j) {
      const bool inside = r < rows && j < columns;
      ASSERT_EQ(c[static_cast<size_t>(r * ldc + j)],
                inside ? 2 * operands.product(r, j) + bias[static_cast<size_t>(j)] : T(5))
          << rows << " x " << columns << " of k " << operands.k << " at " << r << " " << j;
    }
}

// Sources hold no element past the last that may be read.
template <class T>
void check_packing(typename DenseTile<T>::Pack pack, bool transposed, int width, int64_t k,
                   int64_t count) {
  const int64_t ld = transposed ? k + 2 : count + 2;
  const int64_t outer = transposed ? count : k, inner = transposed ? k : count;
  std::vector<T> from;
  for (int64_t i = 0; i < (outer - 1) * ld + inner; ++i) from.push_back(value<T>(i));
  const int64_t panels = (count + width - 1) / width;
  std::vector<T> to(static_cast<size_t>(panels * width * k + 8), T(99));
  pack(from.data(), ld, k, count, to.data());
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = 0; j < panels * width; ++j) {
      const T expected =
          j < count ? from[static_cast<size_t>(transposed ? j * ld + i : i * ld + j)] : T(0);
      ASSERT_EQ(to[static_cast<size_t>(j / width * width * k + i * width + j % width)], expected)
          << k << " steps, " << count << " in panels of " << width << " at " << i << " " << j;
    }
  for (int64_t i = panels * width * k; i < std::ssize(to); ++i)
    ASSERT_EQ(to[static_cast<size_t>(i)], T(99));
}

template <class T>
void check(const DenseTile<T>& tile) {
  for (const int64_t k : {0, 1, 4, 7, 40}) {
    const Operands<T> operands(tile, k);
    for (int rows = 1; rows <= tile.rows; ++rows)
      for (int columns = 1; columns <= tile.columns; ++columns)
        for (const bool in_place : {false, true}) check_tile(operands, in_place, rows, columns);
  }
  for (const int64_t k : {1, 7, 8, 9, 24})
    for (int64_t count = 1; count <= 2 * tile.columns + 1; ++count) {
      check_packing<T>(tile.pack_columns, false, tile.columns, k, count);
      check_packing<T>(tile.pack_columns_transposed, true, tile.columns, k, count);
      check_packing<T>(tile.pack_rows_transposed, false, tile.rows, k, count);
    }
}

TEST(dense_tile, BaseIsExact) {
  check(dense_tile_f32_base);
  check(dense_tile_f64_base);
}

#if defined(__x86_64__) || defined(__i386__)
TEST(dense_tile, Avx2IsExact) {
  if (instruction_set() < InstructionSet::avx2) GTEST_SKIP() << "this processor lacks AVX2";
  check(dense_tile_f32_avx2);
  check(dense_tile_f64_avx2);
}

TEST(dense_tile, Avx512IsExact) {
  if (instruction_set() < InstructionSet::avx512) GTEST_SKIP() << "this processor lacks AVX-512";
  check(dense_tile_f32_avx512);
  check(dense_tile_f64_avx512);
}
#endif

}  // namespace
}  // namespace gradus::kernels
