// SPDX-License-Identifier: Apache-2.0
#include "tools/op_check.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/op/registry.h"

namespace gradus {
namespace {

// The distance from 1 to the next number.
double epsilon(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return 0x1p-52;
    case DType::f32:
      return 0x1p-23;
    case DType::f16:
      return 0x1p-10;
    case DType::bf16:
      return 0x1p-7;
    default:
      return 0;
  }
}

bool always(const OpDef&) { return true; }
bool has_kernels(const OpDef& op) { return !op.cpu.empty(); }
bool has_variants(const OpDef& op) { return op.cpu.size() > 1; }
// The differentiable twin of an op: NAME_composite beside NAME.
const OpDef* twin_of(const OpDef& op) {
  const std::string name = fmt::format("{}_composite", op.name);
  const auto twin = std::ranges::find(all_ops(), name, &OpDef::name);
  return twin == all_ops().end() ? nullptr : &*twin;
}
bool has_twin(const OpDef& op) { return twin_of(op) != nullptr; }
bool has_gradient(const OpDef& op) { return op.grad != nullptr || op.composite != nullptr; }

OpCase widened(const OpCase& narrow) {
  OpCase wide = narrow;
  for (Tensor& input : wide.inputs)
    if (input && is_floating(input.dtype())) input = input.cast(DType::f64);
  return wide;
}

// f32 within the op's tolerance of f64; f16 and bf16 at most twice the error of a reference that
// only rounds its result, plus the tolerance of the f32 arithmetic between.
void check_precision(const OpDef& op, CheckReport& report) {
  for (const SampleCase& sample : sample_cases(op, {DType::f32, DType::f16, DType::bf16})) {
    const TensorMap got = OpGraph(sample.op_case).run(named_inputs(sample.op_case));
    const bool reduced = is_reduced_float(sample.floats);
    // A composite rounds between its parts, which are checked on their own.
    if (reduced && op.composite) continue;
    const OpCase wide = widened(sample.op_case);
    const TensorMap expected = OpGraph(wide).run(named_inputs(wide));
    for (const auto& [name, tensor] : got) {
      const double rounding = is_reduced_float(tensor.dtype()) ? epsilon(tensor.dtype()) : 0;
      compare(tensor, expected.at(name), op.tolerance, rounding,
              fmt::format("{} against f64, output {}", sample.text(), name), report);
    }
  }
}

// In f64, where both round a little differently.
void check_twin(const OpDef& op, CheckReport& report) {
  constexpr double tolerance = 1e-13;
  for (const SampleCase& sample : sample_cases(op, {DType::f64})) {
    const TensorMap inputs = named_inputs(sample.op_case);
    OpCase twin = sample.op_case;
    twin.op = twin_of(op);
    const TensorMap got = OpGraph(sample.op_case).run(inputs), expected = OpGraph(twin).run(inputs);
    GRADUS_CHECK(got.size() == expected.size(), "{}: {} outputs, its twin gives {}", sample.text(),
                 got.size(), expected.size());
    for (const auto& [name, tensor] : got)
      compare(tensor, expected.at(name), tolerance, tolerance,
              fmt::format("{} against {}, output {}", sample.text(), twin.op->name, name), report);
  }
}

// Everything the op and its gradient give, with this many threads.
TensorMap run_all(const OpCase& op_case, int order, int threads) {
  set_thread_count(threads);
  const OpGraph graph(op_case, order);
  TensorMap inputs = named_inputs(op_case);
  for (int node : graph.graph().inputs()) {
    const Node& input = graph.graph().node(node);
    if (!inputs.contains(input.name))
      inputs[input.name] =
          random_tensor(input.outputs[0].dtype, input.outputs[0].shape, input.name);
  }
  return graph.run(inputs);
}

class ThreadCountGuard {
 public:
  ~ThreadCountGuard() { set_thread_count(count_); }

 private:
  int count_ = thread_count();
};

void check_determinism(const OpDef& op, CheckReport& report) {
  const ThreadCountGuard guard;
  for (const SampleCase& sample : sample_cases(op, {DType::f32})) {
    const OpGraph plain(sample.op_case);
    const bool differentiable = has_gradient(op) && !plain.differentiable().empty() &&
                                !plain.floating_outputs().empty() && sample.sample.grad;
    const int order = differentiable ? 1 : 0;
    const TensorMap first = run_all(sample.op_case, order, 1);
    for (int threads : {1, 2, 3}) {
      const TensorMap again = run_all(sample.op_case, order, threads);
      for (const auto& [name, tensor] : first)
        compare_bits(again.at(name), tensor,
                     fmt::format("{} again with {} thread(s), '{}'", sample.text(), threads, name),
                     report);
    }
  }
}

constexpr OpCheck checks[] = {
    {"coverage", "samples put every attribute off its default, every optional input on and off",
     always, check_coverage},
    {"precision", "f32, f16 and bf16 against f64", always, check_precision},
    {"twin", "kernels against the composite op of the same rule", has_twin, check_twin},
    {"gradient", "gradients against central differences in f64; a named error where there is none",
     always, check_gradient},
    {"second_derivative", "gradients of gradients against central differences in f64", has_gradient,
     check_second_derivative},
    {"determinism", "the same bits again, and with 1, 2 and 3 threads", always, check_determinism},
    {"memory", "no write outside, no read of what was not written, inputs intact, aliases",
     has_kernels, check_memory},
    {"variants", "every kernel variant against the reference", has_variants, check_variants},
};

}  // namespace

std::span<const OpCheck> op_checks() { return checks; }

CheckReport run_check(const OpCheck& check, const OpDef& op) {
  CheckReport report;
  try {
    check.run(op, report);
  } catch (const Error& error) {
    report.problems.push_back(error.what());
  }
  return report;
}

std::string SampleCase::text() const {
  return fmt::format("sample {} {}{}", index, describe(op_case), rare);
}

std::vector<SampleCase> sample_cases(const OpDef& op, std::initializer_list<DType> types,
                                     bool bench) {
  std::vector<SampleCase> cases;
  const std::vector<Sample> samples = op.samples();
  for (size_t index = 0; index < samples.size(); ++index) {
    const Sample& sample = samples[index];
    if (sample.bench != bench) continue;
    const bool floating = std::ranges::any_of(sample.inputs, [](const SampleInput& input) {
      return input.present && is_floating(input.dtype);
    });
    const bool first =
        !sample.inputs.empty() && sample.inputs[0].present && is_floating(sample.inputs[0].dtype);
    for (DType floats : types) {
      if (first && !contains(op.dtypes, floats)) continue;
      const std::string stream = fmt::format("{}#{}", op.name, index);
      cases.push_back(
          {sample, index, floats, {&op, sample.attrs, sample_inputs(sample, floats, stream)}});
      if (!floating) break;
    }
  }
  return cases;
}

std::string element_text(int64_t element, const Shape& shape) {
  Shape position = shape;
  int64_t rest = element;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    position[d] = rest % shape[d];
    rest /= shape[d];
  }
  return fmt::format("element {} at {}", element, to_string(position));
}

void compare(const Tensor& got, const Tensor& expected, double tolerance, double relative,
             std::string_view what, CheckReport& report) {
  ++report.checks;
  if (got.shape() != expected.shape()) {
    report.problems.push_back(fmt::format("{}: expected shape {}, got {}", what,
                                          to_string(expected.shape()), to_string(got.shape())));
    return;
  }
  const bool exact = !is_floating(got.dtype());
  const std::vector<double> values = got.to_doubles();
  // What a reference in f64 would store: overflow to infinity included.
  const std::vector<double> rounded = expected.cast(got.dtype()).to_doubles();
  const std::vector<double> truth = exact ? rounded : expected.to_doubles();
  double largest = 0;
  for (double value : truth)
    if (std::isfinite(value)) largest = std::max(largest, std::fabs(value));
  for (size_t i = 0; i < values.size(); ++i) {
    const bool same = values[i] == rounded[i] || (std::isnan(values[i]) && std::isnan(rounded[i]));
    // Vector kernels flush what is below the smallest normal number.
    const double allowed = exact ? 0
                                 : tolerance * largest + relative * std::fabs(truth[i]) +
                                       static_cast<double>(std::numeric_limits<float>::min());
    if (same || std::fabs(values[i] - truth[i]) <= allowed) continue;
    report.problems.push_back(fmt::format("{}, {}: expected {} +- {:.3g}, got {}", what,
                                          element_text(static_cast<int64_t>(i), got.shape()),
                                          truth[i], allowed, values[i]));
    return;
  }
}

void compare_bits(const Tensor& got, const Tensor& expected, std::string_view what,
                  CheckReport& report) {
  ++report.checks;
  if (got.dtype() != expected.dtype() || got.shape() != expected.shape()) {
    report.problems.push_back(fmt::format("{}: expected {}, got {}", what,
                                          to_string(TensorSpec{expected.dtype(), expected.shape()}),
                                          to_string(TensorSpec{got.dtype(), got.shape()})));
    return;
  }
  const int64_t width = dtype_bits(got.dtype()) / 8;
  const char *a = got.data_as<char>(), *b = expected.data_as<char>();
  for (int64_t i = 0; i < got.numel(); ++i) {
    if (std::memcmp(a + i * width, b + i * width, static_cast<size_t>(width)) == 0) continue;
    report.problems.push_back(fmt::format(
        "{}, {}: expected the bits of {}, got {}", what, element_text(i, got.shape()),
        expected.to_doubles()[static_cast<size_t>(i)], got.to_doubles()[static_cast<size_t>(i)]));
    return;
  }
}

}  // namespace gradus
