// SPDX-License-Identifier: Apache-2.0
// Gradients against central differences, in f64.
#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "engine/base/philox.h"
#include "tools/op_check.h"

namespace gradus {
namespace {

constexpr double tolerance = 1e-6;  // relative to the largest gradient
constexpr double first_step = 1e-5;
// Tried on the elements where the first step missed: a curved or a badly scaled function wants
// another one. No step makes a wrong gradient agree.
constexpr double other_steps[] = {1e-4, 1e-6, 1e-3};
// Above this many elements second derivatives are sampled: evenly chosen elements, then directions
// that mix all of them.
constexpr int64_t most_elements = 256;
constexpr int directions = 4;

// A scalar function of named tensors: sum over targets of <weight, output>.
class Functional {
 public:
  Functional(const OpGraph& graph, TensorMap inputs) : graph_(graph), inputs_(std::move(inputs)) {}

  void add_target(const std::string& output, const Tensor& weight) {
    targets_.emplace_back(output, weight.to_doubles());
  }

  // (f(x + step * direction) - f(x - step * direction)) / (2 step) by the input `name`, summed
  // element by element so that large values common to both do not drown the difference. What is NaN
  // or infinite on both sides (the mean of nothing) does not move.
  double slope(const std::string& name, std::span<const std::pair<int64_t, double>> direction,
               double step) {
    const Tensor original = inputs_.at(name);
    // A fresh copy each time: an output may be the input's memory.
    const auto moved = [&](double by) {
      const Tensor copy = original.to(cpu_device());
      for (const auto& [element, weight] : direction)
        copy.data_as<double>()[element] += by * weight;
      inputs_.at(name) = copy;
      return graph_.run(inputs_);
    };
    const TensorMap above = moved(step), below = moved(-step);
    inputs_.at(name) = original;
    double sum = 0;
    for (const auto& [output, weights] : targets_) {
      const double *a = above.at(output).data_as<double>(), *b = below.at(output).data_as<double>();
      for (size_t i = 0; i < weights.size(); ++i)
        if (std::isfinite(a[i]) || std::isfinite(b[i])) sum += weights[i] * (a[i] - b[i]);
    }
    return sum / (2 * step);
  }

  // The largest term of the sum: what rounding errors are in proportion to.
  double magnitude() const {
    double largest = 0;
    const TensorMap outputs = graph_.run(inputs_);
    for (const auto& [output, weights] : targets_) {
      const double* values = outputs.at(output).data_as<double>();
      for (size_t i = 0; i < weights.size(); ++i)
        largest = std::max(largest, std::fabs(weights[i] * values[i]));
    }
    return largest;
  }

 private:
  const OpGraph& graph_;
  TensorMap inputs_;
  std::vector<std::pair<std::string, std::vector<double>>> targets_;
};

using Direction = std::vector<std::pair<int64_t, double>>;

std::vector<Direction> element_directions(int64_t count, bool all) {
  std::vector<Direction> list;
  const int64_t taken = all ? count : std::min(count, most_elements);
  for (int64_t i = 0; i < taken; ++i) list.push_back({{i * count / taken, 1.0}});
  if (taken == count) return list;
  for (int k = 0; k < directions; ++k) {
    const std::vector<double> weights =
        random_tensor(DType::f64, {count}, fmt::format("direction {}", k)).to_doubles();
    Direction direction;
    for (int64_t i = 0; i < count; ++i) direction.emplace_back(i, weights[static_cast<size_t>(i)]);
    list.push_back(std::move(direction));
  }
  return list;
}

double along(const std::vector<double>& gradient, const Direction& direction) {
  double sum = 0;
  for (const auto& [element, weight] : direction)
    sum += weight * gradient[static_cast<size_t>(element)];
  return sum;
}

double widest(const std::vector<double>& values) {
  double largest = 0;
  for (double value : values) largest = std::max(largest, std::fabs(value));
  return largest;
}

// Compares `analytic` with differences of `function` by the input `name`.
void compare_gradient(Functional& function, const std::string& name, const Tensor& input,
                      const std::vector<double>& analytic, bool all, const std::string& what,
                      CheckReport& report) {
  const double floor = 1e-3 * function.magnitude();
  for (const Direction& direction : element_directions(input.numel(), all)) {
    ++report.checks;
    const double ours = along(analytic, direction);
    double theirs = function.slope(name, direction, first_step);
    const auto agrees = [&] {
      const double scale = std::max({widest(analytic), std::fabs(ours), std::fabs(theirs), floor});
      return std::fabs(ours - theirs) <= tolerance * scale;
    };
    bool good = agrees();
    const double first = theirs;
    for (double step : other_steps) {
      if (good) break;
      theirs = function.slope(name, direction, step);
      good = agrees();
    }
    if (good) continue;
    report.problems.push_back(
        fmt::format("{}, {}: central differences give {:.12g}, the gradient is {:.12g}", what,
                    direction.size() == 1 ? element_text(direction[0].first, input.shape())
                                          : std::string("along a direction through all elements"),
                    first, ours));
    return;
  }
}

std::vector<double> values_or_zeros(const TensorMap& tensors, const std::string& name,
                                    int64_t count) {
  const auto found = tensors.find(name);
  return found == tensors.end() ? std::vector<double>(static_cast<size_t>(count))
                                : found->second.to_doubles();
}

// The graph's inputs that the case does not have (seeds), filled at random.
TensorMap with_seeds(const OpGraph& graph, const OpCase& op_case) {
  TensorMap inputs = named_inputs(op_case);
  for (int node : graph.graph().inputs()) {
    const Node& input = graph.graph().node(node);
    if (!inputs.contains(input.name))
      inputs[input.name] =
          random_tensor(input.outputs[0].dtype, input.outputs[0].shape, input.name);
  }
  return inputs;
}

// Differences need f64 all the way: an attribute may ask for a narrower output.
bool is_double_precision(const OpGraph& graph) {
  for (size_t i : graph.floating_outputs())
    if (graph.outputs()[i].dtype() != DType::f64) return false;
  return !graph.differentiable().empty() && !graph.floating_outputs().empty();
}

void check_first(const SampleCase& sample, CheckReport& report) {
  const OpGraph plain(sample.op_case);
  if (!is_double_precision(plain)) return;
  const OpGraph graph(sample.op_case, 1);
  const TensorMap inputs = with_seeds(graph, sample.op_case);
  const TensorMap results = graph.run(inputs);
  Functional function(plain, named_inputs(sample.op_case));
  for (size_t i : plain.floating_outputs())
    function.add_target(std::to_string(i), inputs.at(fmt::format("grad_output.{}", i)));
  for (size_t i : plain.differentiable()) {
    const Tensor& input = sample.op_case.inputs[i];
    compare_gradient(function, std::to_string(i), input,
                     values_or_zeros(results, fmt::format("grad.{}", i), input.numel()), true,
                     fmt::format("{}, gradient of input {}", sample.text(), i), report);
  }
}

void check_second(const SampleCase& sample, CheckReport& report) {
  if (!is_double_precision(OpGraph(sample.op_case))) return;
  const OpGraph first(sample.op_case, 1), second(sample.op_case, 2);
  const TensorMap inputs = with_seeds(second, sample.op_case);
  const TensorMap results = second.run(inputs);
  TensorMap first_inputs = with_seeds(first, sample.op_case);
  Functional function(first, first_inputs);
  for (size_t i : first.differentiable())
    if (const auto weight = inputs.find(fmt::format("grad_grad.{}", i)); weight != inputs.end())
      function.add_target(fmt::format("grad.{}", i), weight->second);
  const auto check = [&](const std::string& name, const std::string& result, std::string_view by) {
    const Tensor& input = first_inputs.at(name);
    compare_gradient(function, name, input, values_or_zeros(results, result, input.numel()), false,
                     fmt::format("{}, second derivative by {} {}", sample.text(), by, name),
                     report);
  };
  for (size_t i : first.differentiable())
    check(std::to_string(i), fmt::format("grad2.{}", i), "input");
  for (size_t i : first.floating_outputs())
    check(fmt::format("grad_output.{}", i), fmt::format("grad2_output.{}", i), "seed");
}

// Asking for a gradient that does not exist must name the op and the reason.
void check_named_error(const OpDef& op, CheckReport& report) {
  if (op.no_grad.empty())
    report.problems.push_back("has no gradient, and no_grad does not say why");
  for (const SampleCase& sample : sample_cases(op, {DType::f64})) {
    const OpGraph plain(sample.op_case);
    if (plain.differentiable().empty() || plain.floating_outputs().empty()) continue;
    ++report.checks;
    try {
      const OpGraph graph(sample.op_case, 1);
      report.problems.push_back(sample.text() + ": expected an error for its gradient, got none");
    } catch (const Error& error) {
      const std::string_view text = error.what();
      if (text.find(op.name) == text.npos || text.find(op.no_grad) == text.npos)
        report.problems.push_back(
            fmt::format("{}: the error for its gradient names not both op and reason: {}",
                        sample.text(), text));
    }
  }
}

template <class Check>
void each_sample(const OpDef& op, CheckReport& report, Check&& check) {
  for (const SampleCase& sample : sample_cases(op, {DType::f64})) {
    if (!sample.sample.grad) continue;
    try {
      check(sample, report);
    } catch (const Error& error) {
      report.problems.push_back(fmt::format("{}: {}", sample.text(), error.what()));
    }
  }
}

}  // namespace

void check_gradient(const OpDef& op, CheckReport& report) {
  if (op.grad == nullptr && op.composite == nullptr) return check_named_error(op, report);
  each_sample(op, report, check_first);
}

void check_second_derivative(const OpDef& op, CheckReport& report) {
  each_sample(op, report, [](const SampleCase& sample, CheckReport& to) {
    if (sample.sample.second) check_second(sample, to);
  });
}

}  // namespace gradus
