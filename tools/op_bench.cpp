// SPDX-License-Identifier: Apache-2.0
#include "tools/op_bench.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>

#include "engine/exec/executable.h"
#include "engine/exec/kernel_call.h"
#include "tools/op_check.h"
#include "training/program.h"

namespace gradus {
namespace {

constexpr size_t fewest_runs = 5;

// Something that can be run again and again without allocating.
struct Prepared {
  std::string variant;
  Cost cost;
  std::function<void()> run;
  std::function<void()> refill = [] {};  // before each run, outside of the measured time
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

// The program that a composite becomes.
struct Program {
  explicit Program(const OpCase& op_case)
      : op_graph(std::make_shared<OpGraph>(op_case)),
        states(cpu_device()),
        arena(cpu_device()),
        executable(prepared({op_graph, &op_graph->graph()}), states, arena) {}

  std::shared_ptr<OpGraph> op_graph;
  StateStore states;
  Arena arena;
  Executable executable;
};

// The work of a composite's parts; the bytes of what goes in and out, which are the least.
Cost cost_of(const Graph& graph) {
  Cost cost;
  const auto specs_of = [&](const Node& node) {
    std::vector<TensorSpec> in;
    for (const ValueRef& input : node.inputs)
      in.push_back(input.present() ? graph.spec(input) : TensorSpec::absent());
    return in;
  };
  for (const Node& node : graph.nodes()) {
    if (node.kind == NodeKind::input) cost.bytes += static_cast<double>(node.outputs[0].bytes());
    if (node.kind != NodeKind::op || node.op->cost == nullptr) continue;
    const std::vector<TensorSpec> in = specs_of(node);
    cost.flops += node.op->cost({in, node.outputs, node.attrs, cpu_device().info()}).flops;
  }
  for (const NamedValue& output : graph.outputs())
    cost.bytes += static_cast<double>(graph.spec(output.value).bytes());
  return cost;
}

Prepared prepare_composite(const OpCase& op_case) {
  const auto program = std::make_shared<Program>(op_case);
  const TensorMap inputs = named_inputs(op_case);
  return {"composite", cost_of(program->op_graph->graph()),
          [program] { program->executable.run(); },
          [program, inputs] {
            for (const auto& [name, tensor] : inputs) program->executable.set_input(name, tensor);
          }};
}

Prepared prepare(const OpDef& op, const OpCase& op_case) {
  if (op.composite) return prepare_composite(op_case);
  if (op.view) return {"view", {}, [] {}};
  const auto call = std::make_shared<Call>(op_case);
  const KernelQuery query{call->in, call->out, call->attrs, cpu_device().info()};
  return {std::string(call->kernel->variant()), op.cost ? op.cost(query) : Cost{},
          [call] { call->kernel->run(); }};
}

std::vector<double> measure(const Prepared& prepared, double seconds) {
  using Clock = std::chrono::steady_clock;
  prepared.refill();
  prepared.run();
  std::vector<double> times;
  double total = 0;
  while (times.size() < fewest_runs || total < seconds) {
    prepared.refill();
    const Clock::time_point start = Clock::now();
    prepared.run();
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
    const std::vector<double> times = measure(prepared, seconds);
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
