// SPDX-License-Identifier: Apache-2.0
// The engine on the simulated device: the same op definitions, planner, streams and launch() as on
// a GPU, against the same graph on the CPU.
#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "engine/device/cuda/cuda_device.h"
#include "engine/exec/executable.h"
#include "engine/exec/stepwise.h"
#include "ops/all_ops.h"
#include "ops/ops.h"
#include "tests/sim/sim_test.h"

namespace gradus::sim_test {
namespace {

Tensor host_tensor(const Shape& shape, uint64_t seed) {
  Tensor tensor(DType::f32, shape, cpu_device());
  const std::vector<float> values = numbers(static_cast<size_t>(shape.numel()), -1, 1, seed);
  std::memcpy(tensor.data(), values.data(), values.size() * sizeof(float));
  return tensor;
}

void expect_close(const Tensor& device, const Tensor& host, double tolerance) {
  ASSERT_EQ(static_cast<bool>(device), static_cast<bool>(host));
  if (!host) return;  // an optional output that was not asked for
  const Tensor copy = device.to(cpu_device());
  ASSERT_EQ(copy.shape(), host.shape());
  const float* a = copy.data_as<const float>();
  const float* b = host.data_as<const float>();
  for (int64_t i = 0; i < host.numel(); ++i)
    ASSERT_NEAR(a[i], b[i], tolerance * std::max(1.0f, std::abs(b[i]))) << "element " << i;
}

class Engine : public SimTest {
 protected:
  void SetUp() override {
    SimTest::SetUp();
    register_all_ops();
    install_cuda_devices();
  }
  static Device& device() { return find_device("cuda"); }
};

TEST_F(Engine, DeviceTellsWhatItIs) {
  const DeviceInfo& info = device().info();
  EXPECT_EQ(device_name(info), "cuda:0");
  EXPECT_EQ(info.compute_capability, 90);
  EXPECT_EQ(info.shared_memory_per_block, 227 * 1024);
  EXPECT_THROW(find_device("cuda:1"), Error);
}

TEST_F(Engine, TensorsTravel) {
  const Tensor host = host_tensor({3, 5}, 1);
  const Tensor there = host.to(device());
  EXPECT_GT(device().allocated_bytes(), 0);
  expect_close(there, host, 0);
}

TEST_F(Engine, DeviceRunsOutOfMemory) { EXPECT_THROW(device().allocate(int64_t{1} << 40), Error); }

// softmax(a b) c, with one AdamW step of c by a given gradient.
std::shared_ptr<Graph> small_graph() {
  auto graph = std::make_shared<Graph>();
  const Value a = graph->input("a", DType::f32, {9, 20});
  const Value b = graph->input("b", DType::f32, {20, 33});
  const Value c = graph->state("c", DType::f32, {33, 7});
  const Value scores = apply("matmul", {a, b})[0];
  const Value weights = apply("softmax", {scores}, {{"dim", -1}})[0];
  graph->output("weights", weights);
  graph->output("result", apply("matmul", {weights, c})[0]);
  const Value m = graph->state("m", DType::f32, {33, 7}),
              v = graph->state("v", DType::f32, {33, 7});
  const Value grad = graph->input("grad", DType::f32, {33, 7});
  const Value lr = graph->input("lr", DType::f32, {}), step = graph->input("step", DType::f32, {});
  const std::vector<Value> updated = apply("adamw_step", {c, grad, m, v, lr, step});
  graph->update(c, updated[0]);
  graph->update(m, updated[1]);
  graph->update(v, updated[2]);
  return graph;
}

class Session {
 public:
  explicit Session(Device& device) : states_(device), arena_(device) {
    states_.set("c", host_tensor({33, 7}, 5));
    program_ = std::make_unique<Executable>(small_graph(), states_, arena_);
  }
  void step(int t) {
    const auto seed = static_cast<uint64_t>(t) * 10;
    program_->set_input("a", host_tensor({9, 20}, seed + 1));
    program_->set_input("b", host_tensor({20, 33}, seed + 2));
    program_->set_input("grad", host_tensor({33, 7}, seed + 3));
    Tensor scalar(DType::f32, {}, cpu_device());
    *scalar.data_as<float>() = 0.1f;
    program_->set_input("lr", scalar);
    *scalar.data_as<float>() = static_cast<float>(t);
    program_->set_input("step", scalar);
    program_->run();
  }
  Tensor output(const char* name) { return program_->output(name).to(cpu_device()); }
  Tensor state(const char* name) { return states_.get(name).to(cpu_device()); }
  const Executable& program() const { return *program_; }

 private:
  StateStore states_;
  Arena arena_;
  std::unique_ptr<Executable> program_;
};

TEST_F(Engine, PlannedGraphEqualsTheCpu) {
  for (const Schedule& schedule : schedules(1)) {
    use(schedule);
    Session there(device()), here(cpu_device());
    for (int t = 1; t <= 3; ++t) {
      there.step(t);
      here.step(t);
      expect_close(there.output("weights"), here.output("weights"), 1e-5);
      expect_close(there.output("result"), here.output("result"), 1e-5);
      for (const char* name : {"c", "m", "v"})
        expect_close(there.state(name), here.state(name), 1e-5);
    }
    const auto reports = finish();
    ASSERT_TRUE(reports.empty()) << describe(reports);
  }
}

TEST_F(Engine, KernelsAreTheCudaOnes) {
  Session session(device());
  std::vector<std::string> variants;
  for (const std::string_view name : session.program().variants()) variants.emplace_back(name);
  for (const char* name : {"tiled", "rows", "vectors"})
    EXPECT_NE(std::find(variants.begin(), variants.end(), name), variants.end()) << name;
  session.step(1);
  EXPECT_GE(sim::take_counters().size(), 4u);
}

}  // namespace
}  // namespace gradus::sim_test
