// SPDX-License-Identifier: Apache-2.0
// The CUDA softmax against f64 on every path: rows in a warp's or a block's registers, streamed
// rows, columns; aligned and ragged.
#include "kernels/softmax.h"

#include <cmath>
#include <limits>

#include "engine/base/half.h"
#include "tests/sim/sim_test.h"

namespace gradus::sim_test {
namespace {

struct Shape {
  int64_t outer, dim, inner;
};

class Softmax : public SimTest {};

std::vector<double> reference(const std::vector<double>& x, const Shape& s, bool log) {
  std::vector<double> y(x.size());
  for (int64_t o = 0; o < s.outer; ++o)
    for (int64_t i = 0; i < s.inner; ++i) {
      const auto at = [&](int64_t d) { return static_cast<size_t>((o * s.dim + d) * s.inner + i); };
      double largest = -std::numeric_limits<double>::infinity(), sum = 0;
      for (int64_t d = 0; d < s.dim; ++d) largest = std::max(largest, x[at(d)]);
      for (int64_t d = 0; d < s.dim; ++d) sum += std::exp(x[at(d)] - largest);
      for (int64_t d = 0; d < s.dim; ++d)
        y[at(d)] = log ? x[at(d)] - largest - std::log(sum) : std::exp(x[at(d)] - largest) / sum;
    }
  return y;
}

double to_double(double v) { return v; }
double to_double(float v) { return v; }
template <class Half>
double to_double(Half v) {
  return to_float(v);
}

template <class T>
T from_float(float v) {
  if constexpr (std::is_same_v<T, f16>) {
    return to_f16(v);
  } else if constexpr (std::is_same_v<T, bf16>) {
    return to_bf16(v);
  } else {
    return v;
  }
}

// Runs in place where `in_place`; `tolerance` is relative to the largest value of a row, which is
// at most 1 (softmax) or about |x| (log).
template <class T>
void check(DType dtype, const Shape& s, bool log, double tolerance, bool in_place = false) {
  const auto count = static_cast<size_t>(s.outer * s.dim * s.inner);
  std::vector<T> stored;
  std::vector<double> exact;
  for (const float v : numbers(count, -8, 8)) {
    stored.push_back(from_float<T>(v));
    exact.push_back(to_double(stored.back()));
  }
  DeviceBuffer<T> x(stored);
  DeviceBuffer<T> y(count);
  T* target = in_place ? x.data() : y.data();
  kernels::softmax_cuda({dtype, x.data(), target, s.outer, s.dim, s.inner, log}, {});
  const auto reports = finish();
  ASSERT_TRUE(reports.empty()) << describe(reports);
  const std::vector<T> result = in_place ? x.read() : y.read();
  const std::vector<double> expected = reference(exact, s, log);
  double worst = 0;
  for (size_t i = 0; i < count; ++i)
    worst = std::max(worst, std::abs(to_double(result[i]) - expected[i]) /
                                (log ? std::max(1.0, std::abs(expected[i])) : 1.0));
  EXPECT_LE(worst, tolerance) << s.outer << " x " << s.dim << " x " << s.inner;
}

// Half an ulp of a value below 1, plus f32 arithmetic.
constexpr double f32_error = 1e-6, bf16_error = 0x1p-9 + 1e-6, f16_error = 0x1p-12 + 1e-6;

TEST_F(Softmax, RowsInAWarp) {
  for (const Shape s : {Shape{1, 1, 1}, {3, 7, 1}, {9, 64, 1}, {17, 100, 1}, {5, 256, 1}}) {
    check<float>(DType::f32, s, false, f32_error);
    check<float>(DType::f32, s, true, f32_error);
    check<bf16>(DType::bf16, s, false, bf16_error);
    check<f16>(DType::f16, s, false, f16_error);
    check<double>(DType::f64, s, true, 1e-14);
  }
}

TEST_F(Softmax, RowsInABlock) {
  for (const Shape s : {Shape{2, 1000, 1}, {1, 2048, 1}, {2, 777, 1}, {1, 5000, 1}}) {
    check<float>(DType::f32, s, false, f32_error);
    check<bf16>(DType::bf16, s, true, 0x1p-8);
  }
}

TEST_F(Softmax, StreamedRows) {
  for (const Shape s : {Shape{2, 9000, 1}, {1, 2311, 1}}) {
    check<float>(DType::f32, s, false, f32_error);
    check<float>(DType::f32, s, true, f32_error, true);
  }
  check<f16>(DType::f16, {1, 20008, 1}, false, f16_error);
}

TEST_F(Softmax, Columns) {
  for (const Shape s : {Shape{1, 1, 2}, {2, 5, 3}, {3, 9, 33}, {1, 70, 40}}) {
    check<float>(DType::f32, s, false, f32_error);
    check<float>(DType::f32, s, true, f32_error, true);
    check<bf16>(DType::bf16, s, false, bf16_error);
  }
}

TEST_F(Softmax, EmptyShapesLaunchNothing) {
  for (const Shape s : {Shape{0, 4, 1}, {4, 0, 1}, {4, 4, 0}})
    kernels::softmax_cuda({DType::f32, nullptr, nullptr, s.outer, s.dim, s.inner, false}, {});
  EXPECT_TRUE(finish().empty());
}

// Masked scores: -inf gives exactly 0; a row of nothing else, or with a NaN, is NaN throughout.
TEST_F(Softmax, InfinitiesAndNan) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  for (const int64_t dim : {4, 600, 9000}) {
    std::vector<float> x(static_cast<size_t>(3 * dim), -inf);
    for (int64_t d = 1; d < dim; d += 2) x[static_cast<size_t>(d)] = 1.0f;
    x[static_cast<size_t>(2 * dim)] = std::nanf("");
    DeviceBuffer<float> in(x), out(x.size());
    kernels::softmax_cuda({DType::f32, in.data(), out.data(), 3, dim, 1, false}, {});
    const std::vector<float> y = out.read();
    for (int64_t d = 0; d < dim; ++d) {
      EXPECT_NEAR(y[static_cast<size_t>(d)], d % 2 == 0 ? 0.0f : 2.0f / float(dim), 1e-6f);
      EXPECT_TRUE(std::isnan(y[static_cast<size_t>(dim + d)]));
      EXPECT_TRUE(std::isnan(y[static_cast<size_t>(2 * dim + d)]));
    }
  }
}

TEST_F(Softmax, SameBitsUnderEverySchedule) {
  std::vector<float> first;
  const std::vector<float> x = numbers(3 * 1000, -5, 5);
  for (const Schedule& schedule : schedules(2)) {
    for (const int os_threads : {1, 2}) {
      use(schedule);
      sim::options().os_threads = os_threads;
      DeviceBuffer<float> in(x), out(x.size());
      kernels::softmax_cuda({DType::f32, in.data(), out.data(), 3, 1000, 1, false}, {});
      const std::vector<float> y = out.read();
      if (first.empty()) first = y;
      ASSERT_EQ(0, std::memcmp(first.data(), y.data(), y.size() * sizeof(float)));
    }
  }
}

// Whole sectors only: what is read and written once is all there is.
TEST_F(Softmax, MovesEachByteOnce) {
  sim::options().count_accesses = true;
  DeviceBuffer<float> in(numbers(64 * 1024, -5, 5)), out(64 * 1024);
  sim::take_counters();
  kernels::softmax_cuda({DType::f32, in.data(), out.data(), 64, 1024, 1, false}, {});
  EXPECT_TRUE(finish().empty());
  const sim::Counters c = sim::take_counters().at(0);
  EXPECT_EQ(c.global_sectors, 2 * 64 * 1024 * sizeof(float) / 32);
  EXPECT_EQ(c.global_sectors, c.global_ideal_sectors);
  EXPECT_EQ(c.shared_wavefronts, c.shared_ideal_wavefronts);
}

}  // namespace
}  // namespace gradus::sim_test
