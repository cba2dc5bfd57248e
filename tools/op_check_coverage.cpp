// SPDX-License-Identifier: Apache-2.0
// Whether an op's samples exercise all it declares.
#include <algorithm>

#include "engine/base/error.h"
#include "tools/op_check.h"

namespace gradus {
namespace {

// Set by the graph, not by a caller.
constexpr std::string_view rng_path = "rng_path";

class Coverage {
 public:
  Coverage(const OpDef& op, CheckReport& report) : op_(op), report_(report) {
    for (Sample& sample : op.samples())
      if (!sample.bench) samples_.push_back(std::move(sample));
    for (const Sample& sample : samples_) {
      std::vector<TensorSpec> in;
      for (const SampleInput& input : sample.inputs)
        in.push_back({input.dtype, input.shape, input.present});
      in_.push_back(std::move(in));
    }
  }

  void attributes() {
    for (const AttrSpec& spec : op_.attributes)
      if (spec.name != rng_path)
        require(fmt::format("puts attribute '{}' off its default {}", spec.name,
                            to_string(spec.default_value)),
                [&](size_t i) { return value_of(samples_[i], spec) != spec.default_value; });
  }

  void optional_inputs() {
    for (size_t k = 0; k < op_.inputs.size(); ++k) {
      if (op_.inputs[k].kind != InputKind::optional) continue;
      const std::string_view name = op_.inputs[k].name;
      const auto has = [&](size_t i) { return k < in_[i].size() && in_[i][k].present; };
      require(fmt::format("has the optional input '{}'", name), has);
      require(fmt::format("leaves out the optional input '{}'", name),
              [&](size_t i) { return !has(i); });
    }
  }

  void variadic_inputs() {
    if (op_.inputs.empty() || op_.inputs.back().kind != InputKind::variadic) return;
    const size_t fixed = op_.inputs.size() - 1;
    require("has one variadic input", [&](size_t i) { return in_[i].size() == fixed + 1; });
    require("has three or more variadic inputs",
            [&](size_t i) { return in_[i].size() >= fixed + 3; });
  }

  void sizes() {
    const auto any = [&](auto&& holds) {
      return [this, holds](size_t i) {
        const std::vector<TensorSpec> specs = in_[i].empty() ? outputs(i) : in_[i];
        return std::ranges::any_of(specs,
                                   [&](const TensorSpec& s) { return s.present && holds(s); });
      };
    };
    const auto empty = [](const TensorSpec& s) { return s.present && s.numel() == 0; };
    require("has a tensor without elements", [&](size_t i) {
      return std::ranges::any_of(in_[i], empty) || std::ranges::any_of(outputs(i), empty);
    });
    require("has a tensor of one element", any([](const TensorSpec& s) { return s.numel() == 1; }));
    require("has an odd size above 1", any([](const TensorSpec& s) {
              return std::ranges::any_of(s.shape, [](int64_t n) { return n > 1 && n % 2 == 1; });
            }));
  }

  // So that `gradus op bench` has something to say of every op that computes.
  void benchmark() {
    ++report_.checks;
    const std::vector<Sample> all = op_.samples();
    if (op_.view || std::ranges::any_of(all, &Sample::bench)) return;
    OpCase first{&op_, all.front().attrs};
    for (const SampleInput& input : all.front().inputs)
      first.inputs.push_back(input.present ? Tensor(input.dtype, input.shape) : Tensor());
    const OpGraph graph(first);
    if (std::ranges::any_of(graph.graph().nodes(), [](const Node& node) {
          return node.kind == NodeKind::op && !node.op->view;
        }))
      report_.problems.push_back("no sample is for benchmarks");
  }

  void broadcasting() {
    if (op_.pointwise == nullptr || op_.inputs.size() < 2) return;
    for (size_t k = 0; k < op_.inputs.size(); ++k)
      require(fmt::format("broadcasts input '{}'", op_.inputs[k].name), [&](size_t i) {
        return k < in_[i].size() && in_[i][k].present && in_[i][k].shape != outputs(i)[0].shape;
      });
  }

 private:
  template <class Holds>
  void require(const std::string& what, Holds&& holds) {
    ++report_.checks;
    for (size_t i = 0; i < samples_.size(); ++i)
      if (holds(i)) return;
    report_.problems.push_back("no sample " + what);
  }

  AttrValue value_of(const Sample& sample, const AttrSpec& spec) const {
    return Attrs(op_.name, op_.attributes, sample.attrs).find(spec.name);
  }

  std::vector<TensorSpec> outputs(size_t i) const {
    if (op_.infer == nullptr) return {};
    std::vector<TensorSpec> in = in_[i];
    in.resize(std::max(in.size(), op_.inputs.size()), TensorSpec::absent());
    return op_.infer({op_.name, in, Attrs(op_.name, op_.attributes, samples_[i].attrs)});
  }

  const OpDef& op_;
  CheckReport& report_;
  std::vector<Sample> samples_;
  std::vector<std::vector<TensorSpec>> in_;
};

}  // namespace

void check_coverage(const OpDef& op, CheckReport& report) {
  Coverage coverage(op, report);
  coverage.attributes();
  coverage.optional_inputs();
  coverage.variadic_inputs();
  coverage.sizes();
  coverage.broadcasting();
  coverage.benchmark();
}

}  // namespace gradus
