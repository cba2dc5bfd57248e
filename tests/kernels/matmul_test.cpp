// SPDX-License-Identifier: Apache-2.0
// Whole numbers small enough that every sum is exact: each kernel must equal an int64 product.
#include "kernels/matmul.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "engine/base/instruction_set.h"
#include "engine/base/parallel.h"

namespace gradus::kernels {
namespace {

struct Case {
  int64_t batch, m, n, k;
  bool transpose_a, transpose_b;
};

// -8 .. 8, from a multiplicative sequence.
std::vector<int64_t> whole_numbers(int64_t count, uint64_t seed) {
  std::vector<int64_t> values(static_cast<size_t>(count));
  uint64_t state = seed * 2654435761u + 1;
  for (int64_t& value : values) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    value = static_cast<int64_t>(state >> 33) % 17 - 8;
  }
  return values;
}

std::vector<int64_t> expected(const Case& c, const std::vector<int64_t>& a,
                              const std::vector<int64_t>& b) {
  std::vector<int64_t> result(static_cast<size_t>(c.batch * c.m * c.n));
  for (int64_t i = 0; i < c.batch; ++i)
    for (int64_t r = 0; r < c.m; ++r)
      for (int64_t j = 0; j < c.n; ++j) {
        int64_t sum = 0;
        for (int64_t k = 0; k < c.k; ++k) {
          const int64_t left = i * c.m * c.k + (c.transpose_a ? k * c.m + r : r * c.k + k);
          const int64_t right = i * c.k * c.n + (c.transpose_b ? j * c.k + k : k * c.n + j);
          sum += a[static_cast<size_t>(left)] * b[static_cast<size_t>(right)];
        }
        result[static_cast<size_t>((i * c.m + r) * c.n + j)] = sum;
      }
  return result;
}

template <class T>
std::vector<T> as(const std::vector<int64_t>& values) {
  return {values.begin(), values.end()};
}

template <class T>
DType dtype_of();
template <>
DType dtype_of<float>() {
  return DType::f32;
}
template <>
DType dtype_of<double>() {
  return DType::f64;
}
template <>
DType dtype_of<int32_t>() {
  return DType::i32;
}
template <>
DType dtype_of<int8_t>() {
  return DType::i8;
}

// A shape with or without each remainder: of the register tiles (4..14 rows, 4..32 columns), of the
// blocks of rows, columns and k; the last two cut k in parts.
const std::vector<Case>& cases() {
  static const std::vector<Case> all = [] {
    std::vector<Case> list;
    const int64_t sizes[][4] = {
        {1, 1, 1, 1},      {1, 6, 16, 8},    {1, 7, 17, 5},    {1, 97, 33, 257},  {3, 5, 9, 11},
        {1, 1, 100, 64},   {1, 130, 1, 40},  {2, 14, 32, 512}, {1, 3, 5, 0},      {1, 0, 4, 3},
        {1, 4, 0, 3},      {0, 2, 2, 2},     {1, 13, 31, 700}, {70, 17, 33, 129}, {1, 200, 130, 3},
        {1, 400, 34, 390}, {1, 9, 21, 2500}, {1, 30, 16, 4096}};
    for (const auto& s : sizes)
      for (const bool ta : {false, true})
        for (const bool tb : {false, true}) list.push_back({s[0], s[1], s[2], s[3], ta, tb});
    return list;
  }();
  return all;
}

MatmulArgs args_of(const Case& c, DType dtype) {
  MatmulArgs args = dense_matmul(dtype, c.m, c.n, c.k, c.transpose_a, c.transpose_b);
  args.batch = {c.batch};
  args.a_strides[0] = c.m * c.k;
  args.b_strides[0] = c.k * c.n;
  return args;
}

using Kernel = std::function<void(const MatmulArgs&)>;

void packed(const MatmulArgs& args) {
  std::vector<char> workspace(static_cast<size_t>(matmul_packed_workspace(args)) + 64);
  const auto address = reinterpret_cast<uintptr_t>(workspace.data());
  matmul_cpu_packed(args, reinterpret_cast<void*>((address + 63) / 64 * 64));
}

template <class T>
void check_exact(const Kernel& kernel) {
  for (const Case& c : cases()) {
    const auto a = whole_numbers(c.batch * c.m * c.k, 1), b = whole_numbers(c.batch * c.k * c.n, 2);
    const std::vector<T> left = as<T>(a), right = as<T>(b);
    std::vector<T> result(static_cast<size_t>(c.batch * c.m * c.n), T(77));
    MatmulArgs args = args_of(c, dtype_of<T>());
    args.a = left.data();
    args.b = right.data();
    args.c = result.data();
    kernel(args);
    ASSERT_EQ(result, as<T>(expected(c, a, b)))
        << c.batch << " x " << c.m << " " << c.n << " " << c.k << " transposes " << c.transpose_a
        << c.transpose_b;
  }
}

TEST(matmul, ReferenceIsExactOnWholeNumbers) {
  check_exact<float>(matmul_cpu_reference);
  check_exact<double>(matmul_cpu_reference);
  check_exact<int32_t>(matmul_cpu_reference);
  check_exact<int8_t>(matmul_cpu_reference);  // wraps around
}

TEST(matmul, PackedIsExactOnWholeNumbers) {
  check_exact<float>(packed);
  check_exact<double>(packed);
}

void check_threads(int64_t m, int64_t n, int64_t k, bool transpose_a, bool transpose_b) {
  const int before = thread_count();
  MatmulArgs args = dense_matmul(DType::f32, m, n, k, transpose_a, transpose_b);
  std::vector<float> a(static_cast<size_t>(m * k)), b(static_cast<size_t>(k * n));
  std::vector<float> one(static_cast<size_t>(m * n)), other(one.size());
  for (size_t i = 0; i < a.size(); ++i) a[i] = 1.0f / static_cast<float>(i % 1013 + 3);
  for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(i % 101) / 7.0f;
  args.a = a.data();
  args.b = b.data();
  args.c = one.data();
  set_thread_count(1);
  packed(args);
  args.c = other.data();
  for (const int threads : {2, 5}) {
    std::fill(other.begin(), other.end(), 0.0f);
    set_thread_count(threads);
    packed(args);
    EXPECT_EQ(one, other) << m << " " << n << " " << k << ", " << threads << " threads";
  }
  set_thread_count(before);
}

TEST(matmul, PackedGivesTheSameBitsForAnyNumberOfThreads) {
  check_threads(203, 307, 301, false, true);
  check_threads(97, 40, 4099, true, false);  // k in parts
  check_threads(16, 16, 65536, false, false);
}

// What lets a product be computed in chunks of rows without a change of bits.
TEST(matmul, RowsHaveTheSameBitsInAChunkOfThem) {
  const int64_t m = 150, n = 70, k = 800, first = 37, rows = 64;
  MatmulArgs args = dense_matmul(DType::f32, m, n, k, false, true);
  std::vector<float> a(static_cast<size_t>(m * k)), b(static_cast<size_t>(k * n));
  for (size_t i = 0; i < a.size(); ++i) a[i] = 1.0f / static_cast<float>(i % 997 + 3);
  for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(i % 103) / 7.0f;
  std::vector<float> whole(static_cast<size_t>(m * n)), chunk(static_cast<size_t>(rows * n));
  args.a = a.data();
  args.b = b.data();
  args.c = whole.data();
  packed(args);
  args.m = rows;
  args.a = a.data() + first * k;
  args.c = chunk.data();
  packed(args);
  const auto begin = whole.begin() + first * n;
  EXPECT_EQ(chunk, std::vector<float>(begin, begin + rows * n));
}

TEST(matmul, RowStridesBiasAccumulationAndActivation) {
  // 2 x 2 windows of wider matrices.
  const float a[] = {1, 2, 9, 3, 4, 9}, b[] = {1, -5, 0, 0, 2, 1, 0, 0}, bias[] = {1, 2};
  for (const Kernel& kernel : {Kernel(matmul_cpu_reference), Kernel(packed)}) {
    float c[] = {100, 1, 7, 100, 2, 7};
    MatmulArgs args = dense_matmul(DType::f32, 2, 2, 2);
    args.lda = 3;
    args.ldb = 4;
    args.ldc = 3;
    args.a = a;
    args.b = b;
    args.c = c;
    args.bias = bias;
    args.activation = Activation::relu;
    args.accumulate = true;
    kernel(args);
    // a b = {5, -3, 11, -11}
    EXPECT_EQ(std::vector<float>(c, c + 6), (std::vector<float>{106, 0, 7, 112, 0, 7}));
  }
}

TEST(matmul, BroadcastBatchesReadTheSameMatrix) {
  const std::vector<float> a = {1, 2, 3, 4}, b = {10, 100};
  std::vector<float> c(4);
  for (const Kernel& kernel : {Kernel(matmul_cpu_reference), Kernel(packed)}) {
    MatmulArgs args = dense_matmul(DType::f32, 1, 1, 1);
    args.batch = {2, 2};
    args.a_strides = {2, 1};
    args.b_strides = {0, 1};
    args.a = a.data();
    args.b = b.data();
    args.c = c.data();
    kernel(args);
    EXPECT_EQ(c, (std::vector<float>{10, 200, 30, 400}));
  }
}

}  // namespace
}  // namespace gradus::kernels
