// SPDX-License-Identifier: Apache-2.0
// `gradus bench train`: how many optimizer steps a second a model of known size makes.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>

#include <fmt/format.h>
#include <sys/resource.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/io/safetensors.h"
#include "tools/commands.h"
#include "tools/machine_peak.h"
#include "tools/matmul_peak.h"
#include "tools/step_profile.h"
#include "training/benchmark_models.h"

namespace gradus {
namespace {

using Clock = std::chrono::steady_clock;

struct BenchOptions {
  std::string model;
  int64_t threads = 0;
  double seconds = 5;
  std::string export_start;
  std::string profile = "none";
  bool json = false;
};

struct Measurement {
  std::vector<double> step_seconds;  // without the first steps
  std::vector<double> first_losses;
  double flops = 0;  // of matmul, convolution, attention and recurrence in a step
  double update_bytes = 0;
  double peak_mebibytes = 0;
};

constexpr int warm_up_steps = 2;
constexpr size_t kept_losses = 5;

// The work that an ideal step cannot avoid.
double counted_flops(const Graph& graph, const DeviceInfo& device) {
  constexpr std::string_view families[] = {
      "matmul", "gemm", "linear", "conv", "scaled_dot_product", "recurrence"};
  double flops = 0;
  for (const Node& node : graph.nodes()) {
    if (node.kind != NodeKind::op || node.op->cost == nullptr) continue;
    if (!std::ranges::any_of(families, [&](auto f) { return node.op->name.starts_with(f); }))
      continue;
    std::vector<TensorSpec> in;
    for (const ValueRef& input : node.inputs)
      in.push_back(input.present() ? graph.spec(input) : TensorSpec::absent());
    flops += node.op->cost({in, node.outputs, node.attrs, device}).flops;
  }
  return flops;
}

// Bytes an update moves at least: AdamW reads weight, gradient and two moments and writes three;
// SGD with momentum reads three and writes two.
double update_bytes(const BenchmarkModel& model, const ParameterTable& parameters) {
  const double bytes_each = model.optimizer.rule.op == "adamw_step" ? 28 : 20;
  return bytes_each * static_cast<double>(parameters.count(ParameterRole::weight));
}

double peak_mebibytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

// One optimizer step of a model, again and again on one batch.
class Bench {
 public:
  explicit Bench(const BenchmarkModel& model)
      : model_(model),
        states_(cpu_device()),
        arena_(cpu_device()),
        batch_(benchmark_batch(model)),
        program_(
            training_graph(model.model, model.spec, DType::f32, model.optimizer, 0, parameters_),
            states_, arena_) {
    set_first_values(parameters_, 0, states_);
  }

  void export_start(const std::string& path) const {
    NamedTensors tensors = {{"input", batch_.inputs}, {"target", batch_.targets}};
    for (const Parameter& parameter : parameters_.all())
      if (parameter.role != ParameterRole::optimizer)
        tensors["model." + parameter.name] = states_.get(parameter.name);
    save_safetensors(path, tensors);
  }

  const Executable& program() const { return program_; }

  // The profile, where there is one, takes in the steps that are measured.
  Measurement measure(double seconds, StepProfile* profile) {
    Measurement result;
    const Clock::time_point begin = Clock::now();
    for (int step = 1;; ++step) {
      const Clock::time_point start = Clock::now();
      const double loss = run(step, step > warm_up_steps ? profile : nullptr);
      const Clock::time_point end = Clock::now();
      if (result.first_losses.size() < kept_losses) result.first_losses.push_back(loss);
      if (step > warm_up_steps)
        result.step_seconds.push_back(std::chrono::duration<double>(end - start).count());
      if (step > warm_up_steps && result.first_losses.size() == kept_losses &&
          std::chrono::duration<double>(end - begin).count() >= seconds)
        break;
    }
    result.flops = counted_flops(program_.graph(), cpu_device().info());
    result.update_bytes = update_bytes(model_, parameters_);
    result.peak_mebibytes = peak_mebibytes();
    return result;
  }

 private:
  double run(int step, RunObserver* observer) {
    program_.set_input("input", batch_.inputs);
    program_.set_input("target", batch_.targets);
    program_.set_input("lr", model_.lr);
    program_.set_input("step", step);
    program_.run({0, static_cast<uint64_t>(step), 0}, observer);
    return program_.output("loss").item();
  }

  const BenchmarkModel& model_;
  ParameterTable parameters_;
  StateStore states_;
  Arena arena_;
  HostBatch batch_;
  Executable program_;
};

void print_report(const BenchOptions& options, const Measurement& measured,
                  const StepProfile* profile) {
  const MachinePeak machine = measure_machine_peak();
  const double matmul_flops = measure_matmul_peak(0.5);
  const double stream_bytes = machine.gigabytes_per_s * 1e9;
  std::vector<double> sorted = measured.step_seconds;
  std::ranges::sort(sorted);
  const double median = sorted[sorted.size() / 2];
  const double roof = measured.flops / matmul_flops + measured.update_bytes / stream_bytes;
  nlohmann::ordered_json json = {{"model", options.model},
                                 {"threads", thread_count()},
                                 {"steps_s_median", 1 / median},
                                 {"steps_s_best", 1 / sorted.front()},
                                 {"peak_rss_mb", measured.peak_mebibytes},
                                 {"gflops", measured.flops / median / 1e9},
                                 {"roof_share", roof / median},
                                 {"steps", measured.step_seconds.size()},
                                 {"fma_peak_gflops", machine.gflops},
                                 {"matmul_peak_gflops", matmul_flops / 1e9},
                                 {"stream_peak_gb_s", machine.gigabytes_per_s},
                                 {"first_losses", measured.first_losses}};
  if (options.json) {
    if (profile) json["profile"] = to_json(profile->rows());
    std::printf("%s\n", json.dump().c_str());
    return;
  }
  for (const auto& [key, value] : json.items())
    std::printf("%-20s %s\n", key.c_str(), value.dump().c_str());
  if (profile) std::printf("\n%s", to_table(profile->rows()).c_str());
}

int run_bench_train(const BenchOptions& options) {
  GRADUS_CHECK(options.seconds > 0 && std::isfinite(options.seconds),
               "bench train: --seconds, expected a positive number, got {}", options.seconds);
  GRADUS_CHECK(options.threads >= 0 && options.threads <= 1024,
               "bench train: --threads, expected 0 to 1024, got {}", options.threads);
  GRADUS_CHECK(options.profile == "none" || options.profile == "op" || options.profile == "shape",
               "bench train: --profile, expected none, op or shape, got '{}'", options.profile);
  if (options.threads > 0) set_thread_count(static_cast<int>(options.threads));
  const BenchmarkModel model = benchmark_model(options.model);
  Bench bench(model);
  if (!options.export_start.empty()) bench.export_start(options.export_start);
  std::unique_ptr<StepProfile> profile;
  if (options.profile != "none")
    profile = std::make_unique<StepProfile>(bench.program(), options.profile == "shape");
  const Measurement measured = bench.measure(options.seconds, profile.get());
  print_report(options, measured, profile.get());
  return exit_success;
}

Command bench_train_command() {
  const auto options = std::make_shared<BenchOptions>();
  const std::string names = fmt::format("{}", fmt::join(benchmark_model_names(), ", "));
  return {.name = "train",
          .doc = "Measure optimizer steps on random data, with the machine's peaks beside them",
          .options = {{"--model", "One of " + names, &options->model, true},
                      {"--threads", "0: OMP_NUM_THREADS, else all processors", &options->threads},
                      {"--seconds", "How long to run", &options->seconds},
                      {"--export-start", "Write first weights and batch to this safetensors file",
                       &options->export_start},
                      {"--profile",
                       "Print where the measured steps spent their time, by op or by shape "
                       "(an op with its first tensors): none, op or shape",
                       &options->profile},
                      {"--json", "Print one JSON object", &options->json}},
          .run = [options] { return run_bench_train(*options); }};
}

}  // namespace

Command bench_command() {
  return {.name = "bench",
          .doc = "Measure whole training steps; single ops: gradus op bench",
          .commands = {bench_train_command()}};
}

}  // namespace gradus
