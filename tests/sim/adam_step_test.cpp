// SPDX-License-Identifier: Apache-2.0
// The CUDA Adam and AdamW against the same recurrence in f64, over several steps.
#include "kernels/adam_step.h"

#include <cmath>

#include "engine/base/half.h"
#include "tests/sim/sim_test.h"

namespace gradus::sim_test {
namespace {

using kernels::AdamStepArgs;

struct Form {
  bool decoupled, maximize, amsgrad;
};

struct Exact {
  std::vector<double> weight, m, v, largest;

  void step(const std::vector<double>& grad, double lr, double scale, int t,
            const AdamStepArgs& a) {
    for (size_t i = 0; i < weight.size(); ++i) {
      double g = (a.maximize ? -scale : scale) * grad[i];
      if (a.decoupled) {
        weight[i] *= 1 - lr * a.weight_decay;
      } else {
        g += a.weight_decay * weight[i];
      }
      m[i] += (1 - a.beta1) * (g - m[i]);
      v[i] = a.beta2 * v[i] + (1 - a.beta2) * g * g;
      largest[i] = std::max(largest[i], v[i]);
      const double spread = a.max_exp_avg_sq != nullptr ? largest[i] : v[i];
      const double root = std::sqrt(spread) / std::sqrt(1 - std::pow(a.beta2, t));
      weight[i] -= lr / (1 - std::pow(a.beta1, t)) * m[i] / (root + a.eps);
    }
  }
};

std::vector<double> tail(const std::vector<float>& values, size_t offset) {
  return {values.begin() + static_cast<long>(offset), values.end()};
}

// Buffers of a step of n elements that start `offset` elements into their memory: 0 is aligned to
// 16 bytes, 1 is not. Updates in place.
class State {
 public:
  State(size_t n, size_t offset)
      : offset_(offset),
        weight_(numbers(n + offset, -1, 1, 1)),
        m_(numbers(n + offset, -1, 1, 2)),
        v_(numbers(n + offset, 0, 1, 3)),
        largest_(numbers(n + offset, 0, 1, 4)) {}

  AdamStepArgs args(const Form& form, int64_t n) {
    AdamStepArgs a = {};
    a.dtype = DType::f32;
    a.n = n;
    a.weight = a.new_weight = weight_.data() + offset_;
    a.exp_avg = a.new_exp_avg = m_.data() + offset_;
    a.exp_avg_sq = a.new_exp_avg_sq = v_.data() + offset_;
    if (form.amsgrad) a.max_exp_avg_sq = a.new_max_exp_avg_sq = largest_.data() + offset_;
    a.beta1 = 0.9;
    a.beta2 = 0.999;
    a.eps = 1e-8;
    a.weight_decay = 0.1;
    a.maximize = form.maximize;
    a.decoupled = form.decoupled;
    return a;
  }
  Exact exact() const {
    return {tail(weight_.read(), offset_), tail(m_.read(), offset_), tail(v_.read(), offset_),
            tail(largest_.read(), offset_)};
  }

 private:
  size_t offset_;
  DeviceBuffer<float> weight_, m_, v_, largest_;
};

class AdamStep : public SimTest {
 protected:
  static constexpr float lr = 0.01f, scale = 0.5f;

  static void expect_close(const std::vector<double>& result, const std::vector<double>& exact) {
    ASSERT_EQ(result.size(), exact.size());
    for (size_t i = 0; i < exact.size(); ++i)
      ASSERT_NEAR(result[i], exact[i], 2e-6 * std::max(1.0, std::abs(exact[i]))) << "element " << i;
  }

  void run(const Form& form, size_t n, size_t offset, int first_step) {
    State state(n, offset);
    Exact exact = state.exact();
    DeviceScalar<float> dlr(lr), dscale(scale);
    for (int t = first_step; t < first_step + 3; ++t) {
      const std::vector<float> g = numbers(n + offset, -2, 2, 10 + static_cast<uint64_t>(t));
      DeviceBuffer<float> dg(g);
      DeviceScalar<int64_t> dt(t);
      AdamStepArgs args = state.args(form, static_cast<int64_t>(n));
      args.grad = dg.data() + offset;
      args.control = {{dlr.data(), DType::f32}, {dt.data(), DType::i64}, {dscale.data()}, {}};
      kernels::adam_step_cuda(args, {});
      exact.step(tail(g, offset), lr, scale, t, args);
    }
    const Exact result = state.exact();
    expect_close(result.weight, exact.weight);
    expect_close(result.m, exact.m);
    expect_close(result.v, exact.v);
    if (form.amsgrad) expect_close(result.largest, exact.largest);
  }
};

TEST_F(AdamStep, EveryForm) {
  for (const bool decoupled : {false, true})
    for (const bool maximize : {false, true})
      for (const bool amsgrad : {false, true}) run({decoupled, maximize, amsgrad}, 11, 0, 1);
}

TEST_F(AdamStep, AlignedAndRagged) {
  for (const size_t n : {1u, 3u, 4u, 1023u, 1024u, 1030u}) run({true, false, false}, n, 0, 1);
}

TEST_F(AdamStep, UnalignedBuffers) {
  for (const size_t n : {5u, 257u}) run({true, false, true}, n, 1, 1);
}

TEST_F(AdamStep, LateSteps) { run({true, false, false}, 37, 0, 100000); }

// A skipped step hands everything on, bit for bit.
TEST_F(AdamStep, SkippedStepChangesNothing) {
  State state(13, 0);
  const Exact before = state.exact();
  DeviceBuffer<float> g(numbers(13, -1, 1)), weight(13), m(13), v(13);
  DeviceScalar<double> step_size(0.1);
  DeviceScalar<uint8_t> skip(1);
  AdamStepArgs args = state.args({true, false, false}, 13);
  args.grad = g.data();
  args.new_weight = weight.data();
  args.new_exp_avg = m.data();
  args.new_exp_avg_sq = v.data();
  args.control = {{step_size.data(), DType::f64}, {}, {}, {skip.data(), DType::bool_}};
  kernels::adam_step_cuda(args, {});
  EXPECT_EQ(tail(weight.read(), 0), before.weight);
  EXPECT_EQ(tail(m.read(), 0), before.m);
  EXPECT_EQ(tail(v.read(), 0), before.v);

  DeviceScalar<uint8_t> not_skipped(0);
  args.control.skip.data = not_skipped.data();
  kernels::adam_step_cuda(args, {});
  EXPECT_NE(tail(weight.read(), 0), before.weight);
}

// bf16 state is computed in f32 and rounded once.
TEST_F(AdamStep, Bf16) {
  std::vector<bf16> ones(21, to_bf16(1.0f));
  DeviceBuffer<bf16> weight(ones), g(ones), m(ones), v(ones);
  DeviceScalar<float> step_size(0.25f);
  AdamStepArgs args = {};
  args.dtype = DType::bf16;
  args.n = 21;
  args.weight = args.new_weight = weight.data();
  args.grad = g.data();
  args.exp_avg = args.new_exp_avg = m.data();
  args.exp_avg_sq = args.new_exp_avg_sq = v.data();
  args.control.lr = {step_size.data(), DType::f32};
  args.beta1 = args.beta2 = 0.5;
  kernels::adam_step_cuda(args, {});
  // m = v = 1; rate 0.25 / 0.5, divisor sqrt(1) / sqrt(0.5): 1 - 0.5 sqrt(0.5)
  const float expected = to_float(to_bf16(1 - 0.5f * std::sqrt(0.5f)));
  for (const bf16 value : weight.read()) EXPECT_EQ(to_float(value), expected);
}

TEST_F(AdamStep, SameBitsUnderEverySchedule) {
  std::vector<double> first;
  for (const Schedule& schedule : schedules(1)) {
    use(schedule);
    State state(1030, 0);
    DeviceBuffer<float> g(numbers(1030, -1, 1, 2));
    DeviceScalar<float> step_size(0.1f);
    AdamStepArgs args = state.args({true, false, false}, 1030);
    args.grad = g.data();
    args.control.lr = {step_size.data(), DType::f32};
    kernels::adam_step_cuda(args, {});
    const std::vector<double> result = state.exact().weight;
    if (first.empty()) first = result;
    ASSERT_EQ(first, result);
  }
}

}  // namespace
}  // namespace gradus::sim_test
