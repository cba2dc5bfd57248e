// SPDX-License-Identifier: Apache-2.0
// A test of the tests: every synchronising call of every kernel is dropped in turn, and faults of
// index and bound are switched on. Each must be caught, by a report or by wrong numbers, under
// every schedule.
#include <functional>

#include "engine/base/half.h"
#include "kernels/adam_step.h"
#include "kernels/matmul.h"
#include "kernels/softmax.h"
#include "tests/sim/sim_test.h"

namespace gradus::sim_test {
namespace {

using Bytes = std::vector<char>;

struct Case {
  std::string name;
  std::function<Bytes()> run;     // the result's bytes
  size_t synchronising_calls;     // at least
  std::vector<int> planted = {};  // faults of this kernel
};

template <class T>
Bytes bytes_of(const std::vector<T>& values) {
  Bytes bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

Bytes softmax(int64_t outer, int64_t dim, int64_t inner) {
  const auto count = static_cast<size_t>(outer * dim * inner);
  DeviceBuffer<float> x(numbers(count, -3, 3)), y(count);
  kernels::softmax_cuda({DType::f32, x.data(), y.data(), outer, dim, inner, false}, {});
  return bytes_of(y.read());
}

// Values that are exact in every type, so that the order of additions cannot show.
template <class T>
std::vector<T> digits(int64_t count, uint64_t seed) {
  sim::Random random(seed);
  std::vector<T> values;
  for (int64_t i = 0; i < count; ++i) {
    const auto digit = static_cast<float>(static_cast<int>(random.below(5)) - 2);
    if constexpr (std::is_same_v<T, bf16>) {
      values.push_back(to_bf16(digit));
    } else {
      values.push_back(static_cast<T>(digit));
    }
  }
  return values;
}

template <class T>
Bytes matmul(DType dtype, int64_t m, int64_t n, int64_t k, bool ta, bool tb, bool tf32 = false) {
  DeviceBuffer<T> a(digits<T>(m * k, 1)), b(digits<T>(k * n, 2)), c(static_cast<size_t>(m * n));
  kernels::MatmulArgs args = kernels::dense_matmul(dtype, m, n, k, ta, tb);
  args.a = a.data();
  args.b = b.data();
  args.c = c.data();
  args.allow_tf32 = tf32;
  kernels::matmul_cuda(args, {});
  return bytes_of(c.read());
}

Bytes adam_step(size_t n) {
  DeviceBuffer<float> w(numbers(n, -1, 1, 1)), m(numbers(n, -1, 1, 2)), v(numbers(n, 0, 1, 3));
  DeviceBuffer<float> g(numbers(n, -1, 1, 4));
  DeviceScalar<float> lr(0.1f), step(3.0f);
  kernels::AdamStepArgs args = {};
  args.dtype = DType::f32;
  args.n = static_cast<int64_t>(n);
  args.weight = args.new_weight = w.data();
  args.grad = g.data();
  args.exp_avg = args.new_exp_avg = m.data();
  args.exp_avg_sq = args.new_exp_avg_sq = v.data();
  args.control.lr.data = lr.data();
  args.control.step.data = step.data();
  args.beta1 = 0.9;
  args.beta2 = 0.99;
  args.eps = 1e-8;
  kernels::adam_step_cuda(args, {});
  return bytes_of(w.read());
}

// Five stages of k: the last one lies where the result is staged.
std::vector<Case> cases() {
  constexpr auto bf = DType::bf16;
  constexpr auto f4 = DType::f32;
  return {
      {"softmax_warp", [] { return softmax(9, 100, 1); }, 0, {1}},
      {"softmax_block", [] { return softmax(2, 3000, 1); }, 2, {1}},
      {"softmax_streaming", [] { return softmax(2, 2311, 1); }, 2},
      {"softmax_columns", [] { return softmax(2, 37, 35); }, 1},
      {"matmul_bf16_nn", [] { return matmul<bf16>(bf, 72, 64, 152, false, false); }, 8, {2, 3}},
      {"matmul_bf16_tt", [] { return matmul<bf16>(bf, 64, 72, 152, true, true); }, 8, {3}},
      {"matmul_bf16_ragged", [] { return matmul<bf16>(bf, 65, 33, 151, false, true); }, 3, {2, 3}},
      {"matmul_tf32_nt",
       [] { return matmul<float>(f4, 68, 64, 76, false, true, true); },
       8,
       {2, 3}},
      {"matmul_tf32_tn", [] { return matmul<float>(f4, 64, 68, 76, true, false, true); }, 8, {3}},
      {"matmul_simt", [] { return matmul<float>(f4, 130, 40, 21, false, false); }, 1},
      {"adam_step", [] { return adam_step(1031); }, 0, {4}},
  };
}

class Mutation : public SimTest, public ::testing::WithParamInterface<Case> {
 protected:
  void SetUp() override {
    SimTest::SetUp();
    sim::options().record_sites = true;
    expected_ = GetParam().run();
    const auto reports = finish();
    ASSERT_TRUE(reports.empty()) << describe(reports);
    sim::options().record_sites = false;
    sites_ = sim::take_sites();
  }

  bool caught() {
    const Bytes result = GetParam().run();
    const auto reports = finish();
    by_report_ += reports.empty() ? 0 : 1;
    by_numbers_ += reports.empty() && result != expected_ ? 1 : 0;
    return !reports.empty() || result != expected_;
  }

  Bytes expected_;
  std::vector<sim::Site> sites_;
  int by_report_ = 0, by_numbers_ = 0;
};

TEST_P(Mutation, EveryDroppedCallIsCaught) {
  ASSERT_GE(sites_.size(), GetParam().synchronising_calls);
  for (const sim::Site& site : sites_) {
    sim::drop_site(site.address);
    for (const Schedule& schedule : schedules(1)) {
      use(schedule);
      EXPECT_TRUE(caught()) << site.call << " [" << sim::site_name(site.address) << "] dropped "
                            << sim::dropped_calls() << " times";
    }
    ASSERT_GT(sim::dropped_calls(), 0u);
  }
  RecordProperty("sites", static_cast<int>(sites_.size()));
  RecordProperty("by_report", by_report_);
  RecordProperty("by_numbers", by_numbers_);
}

TEST_P(Mutation, EveryPlantedFaultIsCaught) {
  for (const int fault : GetParam().planted) {
    sim::plant(fault);
    for (const Schedule& schedule : schedules(1)) {
      use(schedule);
      EXPECT_TRUE(caught()) << "fault " << fault;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, Mutation, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace gradus::sim_test
