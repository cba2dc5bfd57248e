// SPDX-License-Identifier: Apache-2.0
// The CUDA matmul on integers: every sum is exact, so results must be equal. Shapes lie around one
// and two tiles, with rows that do and do not start at multiples of 16 bytes.
#include "kernels/matmul.h"

#include <cmath>

#include "engine/base/half.h"
#include "tests/sim/sim_test.h"

namespace gradus::sim_test {
namespace {

using kernels::Activation;
using kernels::MatmulArgs;

struct Shape {
  int64_t m, n, k;
  int64_t batch = 1;
};

template <class T>
struct Type;
template <>
struct Type<double> {
  static constexpr DType dtype = DType::f64;
  static double store(int v) { return v; }
  static double value(double v) { return v; }
};
template <>
struct Type<float> {
  static constexpr DType dtype = DType::f32;
  static float store(int v) { return static_cast<float>(v); }
  static double value(float v) { return v; }
};
template <>
struct Type<bf16> {
  static constexpr DType dtype = DType::bf16;
  static bf16 store(int v) { return to_bf16(static_cast<float>(v)); }
  static double value(bf16 v) { return to_float(v); }
};
template <>
struct Type<f16> {
  static constexpr DType dtype = DType::f16;
  static f16 store(int v) { return to_f16(static_cast<float>(v)); }
  static double value(f16 v) { return to_float(v); }
};

// -1, 0 or 1: sums of fewer than 256 products are exact in every type.
std::vector<int> digits(int64_t count, uint64_t seed) {
  sim::Random random(seed);
  std::vector<int> values(static_cast<size_t>(count));
  for (int& v : values) v = static_cast<int>(random.below(3)) - 1;
  return values;
}

template <class T>
std::vector<T> stored(const std::vector<int>& values) {
  std::vector<T> result;
  for (const int v : values) result.push_back(Type<T>::store(v));
  return result;
}

std::vector<int> product(const std::vector<int>& a, const std::vector<int>& b, const Shape& s,
                         bool ta, bool tb, int64_t a_step, int64_t b_step) {
  std::vector<int> c(static_cast<size_t>(s.batch * s.m * s.n));
  for (int64_t z = 0; z < s.batch; ++z)
    for (int64_t i = 0; i < s.m; ++i)
      for (int64_t p = 0; p < s.k; ++p) {
        const int left = a[static_cast<size_t>(z * a_step + (ta ? p * s.m + i : i * s.k + p))];
        if (left == 0) continue;
        for (int64_t j = 0; j < s.n; ++j)
          c[static_cast<size_t>((z * s.m + i) * s.n + j)] +=
              left * b[static_cast<size_t>(z * b_step + (tb ? j * s.k + p : p * s.n + j))];
      }
  return c;
}

template <class T>
void expect_equal(const std::vector<T>& result, const std::vector<int>& expected,
                  const std::string& what) {
  for (size_t i = 0; i < expected.size(); ++i)
    ASSERT_EQ(Type<T>::value(result[i]), expected[i]) << what << ", element " << i;
}

template <class T>
void check(const Shape& s, bool ta, bool tb, bool tf32 = false, bool repeat_b = false) {
  const std::vector<int> a = digits(s.batch * s.m * s.k, 1);
  const std::vector<int> b = digits((repeat_b ? 1 : s.batch) * s.k * s.n, 2);
  DeviceBuffer<T> da(stored<T>(a)), db(stored<T>(b)), dc(static_cast<size_t>(s.batch * s.m * s.n));
  MatmulArgs args = kernels::dense_matmul(Type<T>::dtype, s.m, s.n, s.k, ta, tb);
  args.a = da.data();
  args.b = db.data();
  args.c = dc.data();
  args.batch = {s.batch};
  args.a_strides[0] = s.m * s.k;
  args.b_strides[0] = repeat_b ? 0 : s.k * s.n;
  args.c_stride = s.m * s.n;
  args.allow_tf32 = tf32;
  kernels::matmul_cuda(args, {});
  const auto reports = finish();
  ASSERT_TRUE(reports.empty()) << describe(reports);
  expect_equal(dc.read(), product(a, b, s, ta, tb, args.a_strides[0], args.b_strides[0]),
               std::to_string(s.m) + " x " + std::to_string(s.n) + " x " + std::to_string(s.k) +
                   (ta ? " a^T" : "") + (tb ? " b^T" : ""));
}

template <class T>
void check_transposes(const Shape& s, bool tf32 = false) {
  for (const bool ta : {false, true})
    for (const bool tb : {false, true}) check<T>(s, ta, tb, tf32);
}

class Matmul : public SimTest {};

TEST_F(Matmul, Bf16AlignedShapes) {
  for (const Shape s : {Shape{64, 64, 32}, {72, 136, 200}, {8, 8, 8}, {16, 80, 40}})
    check_transposes<bf16>(s);
}

TEST_F(Matmul, Bf16RaggedShapes) {
  for (const Shape s : {Shape{1, 1, 1}, {65, 63, 33}, {3, 70, 131}, {67, 5, 7}})
    check_transposes<bf16>(s);
}

TEST_F(Matmul, F16) {
  check_transposes<f16>({72, 56, 104});
  check_transposes<f16>({33, 65, 35});
}

TEST_F(Matmul, Tf32) {
  check_transposes<float>({68, 84, 52}, true);
  check_transposes<float>({61, 67, 19}, true);
}

TEST_F(Matmul, F32AtFullPrecision) {
  check_transposes<float>({130, 131, 21});
  check_transposes<float>({1, 5, 3});
}

TEST_F(Matmul, F64) { check_transposes<double>({67, 65, 19}); }

// Enough tiles for the large tile: 2 x 2 x 33 and more.
TEST_F(Matmul, LargeTiles) {
  check<bf16>({130, 129, 40, 33}, false, true);
  check<bf16>({136, 72, 40, 64}, true, false);
  check<f16>({136, 72, 72, 64}, false, false);
  check<float>({136, 72, 20, 64}, false, true, true);
  check<float>({136, 72, 20, 64}, true, false, true);
}

TEST_F(Matmul, Batches) {
  check<bf16>({24, 40, 16, 3}, false, false);
  check<bf16>({24, 40, 16, 3}, true, false, false, true);
  check<bf16>({5, 3, 7, 4}, false, true, false, true);
  check<float>({9, 11, 5, 3}, false, false);
}

// a (2, 1, m, k) and b (3, k, n) give (2, 3, m, n); rows of a and c are longer than what is used.
TEST_F(Matmul, BroadcastBatchesAndPitches) {
  const Shape s{10, 12, 9, 6};
  const int64_t lda = 16, ldc = 20;
  const std::vector<int> a = digits(2 * s.m * lda, 1), b = digits(3 * s.k * s.n, 2);
  DeviceBuffer<bf16> da(stored<bf16>(a)), db(stored<bf16>(b));
  DeviceBuffer<bf16> dc(stored<bf16>(std::vector<int>(static_cast<size_t>(6 * s.m * ldc), 7)));
  MatmulArgs args = kernels::dense_matmul(DType::bf16, s.m, s.n, s.k);
  args.a = da.data();
  args.b = db.data();
  args.c = dc.data();
  args.lda = lda;
  args.ldc = ldc;
  args.batch = {2, 3};
  args.a_strides = {s.m * lda, 0};
  args.b_strides = {0, s.k * s.n};
  args.c_stride = s.m * ldc;
  kernels::matmul_cuda(args, {});
  const std::vector<bf16> c = dc.read();
  for (int64_t z = 0; z < 6; ++z)
    for (int64_t i = 0; i < s.m; ++i)
      for (int64_t j = 0; j < ldc; ++j) {
        int sum = 0;
        for (int64_t p = 0; p < s.k && j < s.n; ++p)
          sum += a[static_cast<size_t>((z / 3 * s.m + i) * lda + p)] *
                 b[static_cast<size_t>((z % 3 * s.k + p) * s.n + j)];
        ASSERT_EQ(to_float(c[static_cast<size_t>((z * s.m + i) * ldc + j)]), j < s.n ? sum : 7);
      }
}

TEST_F(Matmul, EmptySumsAreZero) {
  DeviceBuffer<bf16> c(6 * 5), nothing(1);
  MatmulArgs args = kernels::dense_matmul(DType::bf16, 6, 5, 0);
  args.a = args.b = nothing.data();
  args.c = c.data();
  kernels::matmul_cuda(args, {});
  expect_equal(c.read(), std::vector<int>(30, 0), "k = 0");
  kernels::matmul_cuda(kernels::dense_matmul(DType::f32, 0, 5, 3), {});
}

TEST_F(Matmul, BiasActivationAndAccumulation) {
  const Shape s{20, 24, 16};
  const std::vector<int> a = digits(s.m * s.k, 1), b = digits(s.k * s.n, 2), bias = digits(s.n, 3);
  const std::vector<int> plain = product(a, b, s, false, false, 0, 0);
  DeviceBuffer<float> da(stored<float>(a)), db(stored<float>(b)), dbias(stored<float>(bias));
  for (const bool tf32 : {false, true})
    for (const Activation activation :
         {Activation::none, Activation::relu, Activation::gelu, Activation::gelu_tanh,
          Activation::silu, Activation::sigmoid, Activation::tanh}) {
      DeviceBuffer<float> dc(std::vector<float>(static_cast<size_t>(s.m * s.n), 1.0f));
      MatmulArgs args = kernels::dense_matmul(DType::f32, s.m, s.n, s.k);
      args.a = da.data();
      args.b = db.data();
      args.c = dc.data();
      args.bias = dbias.data();
      args.activation = activation;
      args.accumulate = tf32;
      args.allow_tf32 = tf32;
      kernels::matmul_cuda(args, {});
      const std::vector<float> c = dc.read();
      for (size_t i = 0; i < c.size(); ++i) {
        const double x = plain[i] + bias[i % static_cast<size_t>(s.n)] + (tf32 ? 1 : 0);
        const double expected[] = {
            x,
            std::max(x, 0.0),
            0.5 * x * (1 + std::erf(x / std::sqrt(2.0))),
            0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))),
            x / (1 + std::exp(-x)),
            1 / (1 + std::exp(-x)),
            std::tanh(x)};
        ASSERT_NEAR(c[i], expected[static_cast<int>(activation)],
                    1e-6 * std::max(1.0, std::abs(x)));
      }
    }
}

// On values that are no integers: at most twice the error of rounding inputs and output alone.
TEST_F(Matmul, Tf32ErrorIsThatOfRounding) {
  const Shape s{17, 19, 37};
  const std::vector<float> a = numbers(static_cast<size_t>(s.m * s.k), -1, 1, 1);
  const std::vector<float> b = numbers(static_cast<size_t>(s.k * s.n), -1, 1, 2);
  DeviceBuffer<float> da(a), db(b), dc(static_cast<size_t>(s.m * s.n));
  MatmulArgs args = kernels::dense_matmul(DType::f32, s.m, s.n, s.k);
  args.a = da.data();
  args.b = db.data();
  args.c = dc.data();
  args.allow_tf32 = true;
  kernels::matmul_cuda(args, {});
  const std::vector<float> c = dc.read();
  for (int64_t i = 0; i < s.m; ++i)
    for (int64_t j = 0; j < s.n; ++j) {
      double exact = 0, magnitude = 0;
      for (int64_t p = 0; p < s.k; ++p) {
        const double term =
            double{a[static_cast<size_t>(i * s.k + p)]} * b[static_cast<size_t>(p * s.n + j)];
        exact += term;
        magnitude += std::abs(term);
      }
      ASSERT_LE(std::abs(c[static_cast<size_t>(i * s.n + j)] - exact), 2 * 0x1p-11 * magnitude);
    }
}

TEST_F(Matmul, EqualUnderEverySchedule) {
  for (const Schedule& schedule : schedules(1)) {
    use(schedule);
    check<bf16>({72, 40, 136}, false, false);
    check<float>({20, 12, 40}, true, false, true);
    check<float>({20, 12, 20}, false, false);
  }
}

// The permuted chunks leave no bank conflict in ldmatrix, and whole sectors in global memory.
TEST_F(Matmul, NoBankConflicts) {
  for (const bool ta : {false, true})
    for (const bool tb : {false, true}) {
      sim::take_counters();
      sim::options().count_accesses = true;
      check<bf16>({64, 64, 128}, ta, tb);
      const sim::Counters c = sim::take_counters().at(0);
      EXPECT_GT(c.shared_wavefronts, 0u);
      EXPECT_EQ(c.shared_wavefronts, c.shared_ideal_wavefronts) << ta << tb;
      EXPECT_EQ(c.global_sectors, c.global_ideal_sectors) << ta << tb;
      EXPECT_EQ(c.mma, 64u * 64u * 128u / (16u * 8u * 16u));
    }
}

}  // namespace
}  // namespace gradus::sim_test
