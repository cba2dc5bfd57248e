// SPDX-License-Identifier: Apache-2.0
// As mutation_test, for kernels behind ops: every synchronising call is dropped in turn, and must
// be caught, by a report or by wrong numbers, under every schedule.
#include <optional>

#include "engine/base/error.h"
#include "engine/device/cuda/cuda_device.h"
#include "engine/exec/stepwise.h"
#include "engine/op/registry.h"
#include "ops/all_ops.h"
#include "tests/sim/sim_test.h"
#include "tools/op_case.h"

namespace gradus::sim_test {
namespace {

// An op at shapes that take its kernels through blocks, pieces and several tiles.
struct Case {
  std::string name;
  std::string op;
  Sample sample;
  size_t synchronising_calls;  // at least
};

SampleInput of(const Shape& shape) { return {.shape = shape}; }

std::vector<Case> cases() {
  const SampleInput none = SampleInput::absent();
  const auto index = [](int64_t count, int64_t classes) {
    return SampleInput::indices({count}, classes);
  };
  const SampleInput heads = of({2, 35, 8});
  return {
      {"sum_of_rows", "sum", {{of({2, 5003})}, {{"dim", 1}}}, 1},
      {"sum_of_columns", "sum", {{of({40, 35})}, {{"dim", 0}}}, 1},
      {"argmax_of_rows", "argmax", {{of({2, 1100})}, {{"dim", 1}}}, 1},
      {"global_norm", "global_norm", {{of({70, 40}), of({33})}}, 2},
      {"cross_entropy",
       "cross_entropy",
       {{of({3, 1100}), index(3, 1100)}, {{"label_smoothing", 0.1}}},
       4},
      {"cross_entropy_backward",
       "cross_entropy_backward",
       {{of({}), of({3, 1100}), index(3, 1100), none}, {{"label_smoothing", 0.1}}},
       3},
      {"layer_norm", "layer_norm", {{of({2, 1004})}, {{"normalized_shape", {1004}}}}, 2},
      {"softmax_backward", "softmax_backward", {{of({2, 600}), of({2, 600})}, {{"dim", 1}}}, 1},
      {"row_norm_backward",
       "row_norm_backward",
       {{of({9, 600}), of({9, 600}), of({9, 1}), of({9, 1}), of({600})}, {{"cols", 600}}},
       2},
      {"embedding_backward",
       "embedding_backward",
       {{of({600, 5}), index(600, 400)}, {{"num_weights", 400}}},
       2},
      {"attention", "scaled_dot_product_attention", {{heads, heads, heads, none}}, 2},
      {"attention_backward",
       "scaled_dot_product_attention_backward",
       {{of({4, 35, 8}), of({4, 35, 8}), heads, heads, none, none, of({4, 35}), none},
        {{"enable_gqa", true}}},
       4},
  };
}

class OpMutation : public SimTest, public ::testing::WithParamInterface<Case> {
 protected:
  void SetUp() override {
    SimTest::SetUp();
    register_all_ops();
    install_cuda_devices();
    const OpDef& op = get_op(GetParam().op);
    attrs_ = Attrs(op.name, op.attributes, GetParam().sample.attrs);
    for (const Tensor& input : sample_inputs(GetParam().sample, DType::f32, op.name))
      inputs_.push_back(input ? input.to(find_device("cuda")) : Tensor());
    sim::options().record_sites = true;
    expected_ = run();
    ASSERT_TRUE(expected_);
    sim::options().record_sites = false;
    sites_ = sim::take_sites();
  }
  void TearDown() override {
    inputs_.clear();
    SimTest::TearDown();
  }

  // The results, or none where something was reported.
  std::optional<std::vector<std::vector<double>>> run() {
    std::vector<std::vector<double>> values;
    try {
      for (const Tensor& out :
           run_op(get_op(GetParam().op), attrs_, inputs_, {.device = &find_device("cuda")}))
        values.push_back(out ? out.to_doubles() : std::vector<double>());
    } catch (const Error&) {
      // the report says what
    }
    if (!finish().empty()) return {};
    return values;
  }

  Attrs attrs_;
  std::vector<Tensor> inputs_;
  std::optional<std::vector<std::vector<double>>> expected_;
  std::vector<sim::Site> sites_;
};

TEST_P(OpMutation, EveryDroppedCallIsCaught) {
  ASSERT_GE(sites_.size(), GetParam().synchronising_calls);
  for (const sim::Site& site : sites_) {
    sim::drop_site(site.address);
    for (const Schedule& schedule : schedules(1)) {
      use(schedule);
      const auto values = run();
      EXPECT_TRUE(!values || values != expected_)
          << site.call << " [" << sim::site_name(site.address) << "] dropped "
          << sim::dropped_calls() << " times";
    }
    ASSERT_GT(sim::dropped_calls(), 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, OpMutation, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace gradus::sim_test
