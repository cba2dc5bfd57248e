// SPDX-License-Identifier: Apache-2.0
// The CUDA AdamW against the same recurrence in f64, over several steps.
#include "kernels/adamw_step.h"

#include <cmath>

#include "engine/base/half.h"
#include "tests/sim/sim_test.h"

namespace gradus::sim_test {
namespace {

struct Exact {
  std::vector<double> param, m, v;

  void step(const std::vector<double>& grad, double lr, int t, const kernels::AdamwStepArgs& a) {
    for (size_t i = 0; i < param.size(); ++i) {
      param[i] *= 1 - lr * a.weight_decay;
      m[i] += (1 - a.beta1) * (grad[i] - m[i]);
      v[i] = a.beta2 * v[i] + (1 - a.beta2) * grad[i] * grad[i];
      const double root = std::sqrt(v[i]) / std::sqrt(1 - std::pow(a.beta2, t));
      param[i] -= lr / (1 - std::pow(a.beta1, t)) * m[i] / (root + a.eps);
    }
  }
};

class AdamwStep : public SimTest {
 protected:
  static constexpr float lr = 0.01f, scale = 0.5f;

  void expect_close(const std::vector<float>& result, const std::vector<double>& exact) {
    for (size_t i = 0; i < exact.size(); ++i)
      ASSERT_NEAR(result[i], exact[i], 2e-6 * std::max(1.0, std::abs(exact[i]))) << "element " << i;
  }

  // `offset` elements into each buffer: 0 is aligned to 16 bytes, 1 is not.
  void run(size_t n, size_t offset, int first_step) {
    const auto with_offset = [&](float lo, float hi, uint64_t seed) {
      return numbers(n + offset, lo, hi, seed);
    };
    const std::vector<float> p = with_offset(-1, 1, 1), m = with_offset(-1, 1, 2);
    const std::vector<float> v = with_offset(0, 1, 3);
    Exact exact{{p.begin() + static_cast<long>(offset), p.end()},
                {m.begin() + static_cast<long>(offset), m.end()},
                {v.begin() + static_cast<long>(offset), v.end()}};
    DeviceBuffer<float> dp(p), dm(m), dv(v);
    DeviceScalar<float> dlr(lr), dscale(scale);
    for (int t = first_step; t < first_step + 3; ++t) {
      const std::vector<float> g = with_offset(-2, 2, 10 + static_cast<uint64_t>(t));
      DeviceBuffer<float> dg(g);
      DeviceScalar<float> dt(static_cast<float>(t));
      const kernels::AdamwStepArgs args{.grad_dtype = DType::f32,
                                        .grad = dg.data() + offset,
                                        .param = dp.data() + offset,
                                        .exp_avg = dm.data() + offset,
                                        .exp_avg_sq = dv.data() + offset,
                                        .new_param = dp.data() + offset,
                                        .new_exp_avg = dm.data() + offset,
                                        .new_exp_avg_sq = dv.data() + offset,
                                        .n = static_cast<int64_t>(n),
                                        .lr = dlr.data(),
                                        .step = dt.data(),
                                        .grad_scale = dscale.data()};
      kernels::adamw_step_cuda(args, {});
      std::vector<double> scaled;
      for (size_t i = offset; i < g.size(); ++i) scaled.push_back(double{g[i]} * scale);
      exact.step(scaled, lr, t, args);
    }
    const auto tail = [&](const DeviceBuffer<float>& buffer) {
      const std::vector<float> all = buffer.read();
      return std::vector<float>(all.begin() + static_cast<long>(offset), all.end());
    };
    expect_close(tail(dp), exact.param);
    expect_close(tail(dm), exact.m);
    expect_close(tail(dv), exact.v);
  }
};

TEST_F(AdamwStep, AlignedAndRagged) {
  for (const size_t n : {1u, 3u, 4u, 1023u, 1024u, 1030u}) run(n, 0, 1);
}

TEST_F(AdamwStep, UnalignedBuffers) {
  for (const size_t n : {5u, 257u}) run(n, 1, 1);
}

TEST_F(AdamwStep, LateSteps) { run(37, 0, 100000); }

// A skipped step hands everything on, bit for bit, and still gives the rounded parameter.
TEST_F(AdamwStep, SkippedStepChangesNothing) {
  const std::vector<float> p = numbers(13, -1, 1, 1), m = numbers(13, -1, 1, 2),
                           v = numbers(13, 0, 1, 3);
  std::vector<bf16> g(13, to_bf16(1.0f));
  DeviceBuffer<float> dp(p), dm(m), dv(v);
  DeviceScalar<float> lr(0.1f), step(1.0f), skip(1.0f);
  DeviceBuffer<float> np(13), nm(13), nv(13);
  DeviceBuffer<bf16> dg(g), rounded(13);
  kernels::AdamwStepArgs args{.grad_dtype = DType::bf16,
                              .grad = dg.data(),
                              .param = dp.data(),
                              .exp_avg = dm.data(),
                              .exp_avg_sq = dv.data(),
                              .new_param = np.data(),
                              .new_exp_avg = nm.data(),
                              .new_exp_avg_sq = nv.data(),
                              .rounded = rounded.data(),
                              .n = 13,
                              .lr = lr.data(),
                              .step = step.data(),
                              .skip = skip.data()};
  kernels::adamw_step_cuda(args, {});
  EXPECT_EQ(np.read(), p);
  EXPECT_EQ(nm.read(), m);
  EXPECT_EQ(nv.read(), v);
  const std::vector<bf16> low = rounded.read();
  for (size_t i = 0; i < p.size(); ++i) EXPECT_EQ(low[i].bits, to_bf16(p[i]).bits);

  DeviceScalar<float> not_skipped(0.0f);
  args.skip = not_skipped.data();
  kernels::adamw_step_cuda(args, {});
  const std::vector<float> updated = np.read();
  const std::vector<bf16> low_updated = rounded.read();
  for (size_t i = 0; i < p.size(); ++i) {
    EXPECT_NE(updated[i], p[i]);
    EXPECT_EQ(low_updated[i].bits, to_bf16(updated[i]).bits);
  }
}

TEST_F(AdamwStep, SameBitsUnderEverySchedule) {
  std::vector<float> first;
  const std::vector<float> p = numbers(1030, -1, 1, 1), g = numbers(1030, -1, 1, 2);
  const std::vector<float> zeros(1030, 0.0f);
  for (const Schedule& schedule : schedules(1)) {
    use(schedule);
    DeviceBuffer<float> dp(p), dm(zeros), dv(zeros), dg(g);
    DeviceScalar<float> lr(0.1f), step(1.0f);
    kernels::adamw_step_cuda({.grad_dtype = DType::f32,
                              .grad = dg.data(),
                              .param = dp.data(),
                              .exp_avg = dm.data(),
                              .exp_avg_sq = dv.data(),
                              .new_param = dp.data(),
                              .new_exp_avg = dm.data(),
                              .new_exp_avg_sq = dv.data(),
                              .n = 1030,
                              .lr = lr.data(),
                              .step = step.data()},
                             {});
    const std::vector<float> result = dp.read();
    if (first.empty()) first = result;
    ASSERT_EQ(0, std::memcmp(first.data(), result.data(), result.size() * sizeof(float)));
  }
}

}  // namespace
}  // namespace gradus::sim_test
