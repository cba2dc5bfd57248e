// SPDX-License-Identifier: Apache-2.0
#include "tools/op_bench.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>

#include "engine/exec/kernel_call.h"
#include "tools/op_check.h"

namespace gradus {
namespace {

constexpr size_t fewest_runs = 5;

// Something that can be run again and again without allocating.
struct Prepared {
  std::string variant;
  Cost cost;
  std::function<void()> run;
};

// Memory and kernel of one call.
struct Call {
  explicit Call(const OpCase& op_case)
      : attrs(op_case.op->name, op_case.op->attributes, op_case.attrs), inputs(op_case.inputs) {
    const OpDef& op = *op_case.op;
    inputs.resize(std::max(inputs.size(), op.inputs.size()));
    for (const Tensor& input : inputs) {
      in.push_back(input ? TensorSpec{input.dtype(), input.shape()} : TensorSpec::absent());
      in_data.push_back(input ? input.data() : nullptr);
    }
    out = op.infer({op.name, in, attrs});
    for (const TensorSpec& spec : out) {
      outputs.push_back(spec.present ? Tensor::zeros(spec.dtype, spec.shape) : Tensor());
      out_data.push_back(spec.present ? outputs.back().data() : nullptr);
    }
    kernel = std::make_unique<KernelCall>(op, attrs, in, out, cpu_device());
    workspace = std::make_unique<Buffer>(cpu_device(), kernel->workspace_bytes());
    kernel->bind(in_data, out_data, workspace->data(), {}, &rng);
  }

  Attrs attrs;
  std::vector<Tensor> inputs, outputs;
  std::vector<TensorSpec> in, out;
  std::vector<void*> in_data, out_data;
  RngState rng;
  std::unique_ptr<KernelCall> kernel;
  std::unique_ptr<Buffer> workspace;
};

Prepared prepare(const OpDef& op, const OpCase& op_case) {
  if (op.composite || op.view) {
    const auto graph = std::make_shared<OpGraph>(op_case);
    return {op.view ? "view" : "composite", {}, [graph, op_case] {
              (void)graph->run(named_inputs(op_case));
            }};
  }
  const auto call = std::make_shared<Call>(op_case);
  const KernelQuery query{call->in, call->out, call->attrs, cpu_device().info()};
  return {std::string(call->kernel->variant()), op.cost ? op.cost(query) : Cost{},
          [call] { call->kernel->run(); }};
}

std::vector<double> measure(const std::function<void()>& run, double seconds) {
  using Clock = std::chrono::steady_clock;
  run();
  std::vector<double> times;
  double total = 0;
  while (times.size() < fewest_runs || total < seconds) {
    const Clock::time_point start = Clock::now();
    run();
    times.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    total += times.back();
  }
  std::ranges::sort(times);
  return times;
}

}  // namespace

std::vector<OpTiming> bench_op(const OpDef& op, const MachinePeak& peak, double seconds) {
  std::vector<OpTiming> timings;
  for (const SampleCase& sample : sample_cases(op, {DType::f32}, true)) {
    const Prepared prepared = prepare(op, sample.op_case);
    const std::vector<double> times = measure(prepared.run, seconds);
    OpTiming timing{std::string(op.name), describe(sample.op_case), prepared.variant};
    timing.best_s = times.front();
    timing.median_s = times[times.size() / 2];
    timing.gflops = prepared.cost.flops / timing.median_s * 1e-9;
    timing.gigabytes_per_s = prepared.cost.bytes / timing.median_s * 1e-9;
    timing.share =
        std::max(timing.gflops / peak.gflops, timing.gigabytes_per_s / peak.gigabytes_per_s);
    timings.push_back(std::move(timing));
  }
  return timings;
}

}  // namespace gradus
