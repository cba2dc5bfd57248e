// SPDX-License-Identifier: Apache-2.0
// Every sample of every op that has a CUDA kernel, on the simulated device against the CPU, in
// every floating dtype.
#include <algorithm>
#include <cmath>
#include <set>

#include "engine/base/error.h"
#include "engine/device/cuda/cuda_device.h"
#include "engine/exec/kernel_call.h"
#include "engine/exec/stepwise.h"
#include "engine/op/registry.h"
#include "ops/all_ops.h"
#include "tests/sim/sim_test.h"
#include "tools/op_case.h"

namespace gradus::sim_test {
namespace {

class EveryOp : public SimTest {
 protected:
  void SetUp() override {
    SimTest::SetUp();
    register_all_ops();
    install_cuda_devices();
  }
  static Device& device() { return find_device("cuda"); }
};

// The distance from 1 to the next number.
double epsilon(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return 0x1p-23;
    case DType::f16:
      return 0x1p-10;
    case DType::bf16:
      return 0x1p-7;
    default:
      return 0x1p-52;
  }
}

// Kernels whose arithmetic is the CPU reference's to the bit: they move elements, or take the same
// formulas from kernels/elementwise.inc.
bool is_exact(const OpDef& op) {
  static const std::set<std::string_view> movers = {"argmax", "argmin", "any",  "all",
                                                    "amax",   "amin",   "rand", "dropout"};
  return op.half == HalfPolicy::native || movers.contains(op.name);
}

// Tests compare with the reference, which is the last row.
std::string_view reference_of(const OpDef& op) { return op.cpu.back().name; }

// Whether the device's kernels take the call.
bool takes(const OpDef& op, const Attrs& attrs, std::span<const Tensor> inputs, Device& device) {
  std::vector<TensorSpec> in;
  for (const Tensor& input : inputs)
    in.push_back(input ? TensorSpec{input.dtype(), input.shape()} : TensorSpec::absent());
  const std::vector<TensorSpec> out = op.infer({op.name, in, attrs});
  const KernelQuery query{in, out, attrs, device.info()};
  return std::ranges::any_of(op.cuda, [&](const KernelVariant& row) {
    return row.usable == nullptr || row.usable(query);
  });
}

// Largest distance of two tensors, in units of the larger of 1 and the largest element; NaN and
// infinity must stand at the same places.
double distance(const Tensor& device, const Tensor& host, const std::string& what) {
  EXPECT_EQ(static_cast<bool>(device), static_cast<bool>(host)) << what;
  if (!host || !device) return 0;
  EXPECT_EQ(device.dtype(), host.dtype()) << what;
  EXPECT_EQ(device.shape(), host.shape()) << what;
  const Tensor a = device.to(cpu_device()).cast(DType::f64), b = host.cast(DType::f64);
  double worst = 0, scale = 1;
  for (int64_t i = 0; i < b.numel(); ++i) {
    const double x = a.data_as<double>()[i], y = b.data_as<double>()[i];
    if (std::isfinite(y)) scale = std::max(scale, std::abs(y));
    const bool same = x == y || (std::isnan(x) && std::isnan(y));
    if (!same) worst = std::max(worst, std::isfinite(x - y) ? std::abs(x - y) : HUGE_VAL);
  }
  return worst / scale;
}

struct Counts {
  int ops = 0, cases = 0;
};

// Runs a sample on both; false where the device's kernels do not take it.
bool compare(const OpDef& op, const Sample& sample, DType floats, Device& device) {
  const Attrs attrs(op.name, op.attributes, sample.attrs);
  const std::vector<Tensor> host = sample_inputs(sample, floats, op.name);
  if (!takes(op, attrs, host, device)) return false;
  std::vector<Tensor> there;
  for (const Tensor& input : host) there.push_back(input ? input.to(device) : Tensor());
  const RngState rng{3, 5, 7};
  const std::vector<Tensor> expected = run_op(op, attrs, host, {.rng = rng}, reference_of(op));
  const std::vector<Tensor> result = run_op(op, attrs, there, {.device = &device, .rng = rng});
  const std::string what = gradus::describe(OpCase{&op, sample.attrs, host});
  EXPECT_EQ(result.size(), expected.size()) << what;
  // A rounding of the result apart, and the arithmetic before it.
  const double tolerance = is_exact(op) ? 0
                                        : (is_reduced_float(floats) ? epsilon(floats) : 0) +
                                              (floats == DType::f64 ? 1e-12 : op.tolerance);
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_LE(distance(result[i], expected[i], what), tolerance) << what << " output " << i;
  return true;
}

// Runs a sample in all dtypes; how many the device's kernels take.
int compare_all(const OpDef& op, const Sample& sample, Device& device) {
  int cases = 0;
  for (const DType floats : {DType::f32, DType::f64, DType::f16, DType::bf16}) {
    try {
      cases += compare(op, sample, floats, device) ? 1 : 0;
    } catch (const Error& error) {
      ADD_FAILURE() << op.name << " " << dtype_name(floats) << ": " << error.what();
    }
    const auto reports = finish();
    EXPECT_TRUE(reports.empty()) << op.name << ": " << describe(reports);
  }
  return cases;
}

TEST_F(EveryOp, EqualsTheCpu) {
  Counts counts;
  for (const OpDef& op : all_ops()) {
    if (op.cuda.empty() || op.samples == nullptr) continue;
    int cases = 0;
    for (const Sample& sample : op.samples())
      if (!sample.bench) cases += compare_all(op, sample, device());
    EXPECT_GT(cases, 0) << op.name;
    ++counts.ops;
    counts.cases += cases;
  }
  EXPECT_GE(counts.ops, 80);
  EXPECT_GE(counts.cases, 1500);
}

// Whether whole numbers do not stay whole.
bool is_curved(const Sample& sample) {
  return std::ranges::any_of(sample.attrs, [](const NamedAttr& attr) {
    const std::string* text = attr.second.as<std::string>();
    return attr.first == "activation" && text != nullptr && *text != "none" && *text != "relu";
  });
}

// Whole numbers so small that no sum of them rounds: equality, whatever the order.
TEST_F(EveryOp, WholeNumbersAreExact) {
  const std::set<std::string_view> sums = {"gemm", "linear", "sum", "prod", "global_norm"};
  for (const std::string_view name : sums) {
    const OpDef& op = get_op(name);
    for (Sample sample : op.samples()) {
      if (sample.bench || is_curved(sample)) continue;
      for (SampleInput& input : sample.inputs) {
        if (!input.present || !is_floating(input.dtype)) continue;
        input.fill = Fill::integers;
        input.lo = name == "prod" ? 1 : -3;
        input.hi = name == "prod" ? 2 : 4;
      }
      const Attrs attrs(op.name, op.attributes, sample.attrs);
      for (const DType floats : {DType::f32, DType::f64, DType::bf16}) {
        const std::vector<Tensor> host = sample_inputs(sample, floats, op.name);
        if (!takes(op, attrs, host, device())) continue;
        std::vector<Tensor> there;
        for (const Tensor& input : host) there.push_back(input ? input.to(device()) : Tensor());
        const std::vector<Tensor> expected = run_op(op, attrs, host, {}, reference_of(op));
        const std::vector<Tensor> result = run_op(op, attrs, there, {.device = &device()});
        const std::string what = gradus::describe(OpCase{&op, sample.attrs, host});
        EXPECT_EQ(distance(result[0], expected[0], what), 0) << what;
      }
    }
  }
}

}  // namespace
}  // namespace gradus::sim_test
