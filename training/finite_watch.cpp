// SPDX-License-Identifier: Apache-2.0
#include "training/finite_watch.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "engine/tensor/finite.h"

namespace gradus {
namespace {

bool asks_for_infinity(const Node& node) {
  return std::ranges::any_of(node.attrs.all(), [](const auto& attr) {
    const auto* number = attr.second.template as<double>();
    return number != nullptr && !std::isfinite(*number);
  });
}

}  // namespace

FiniteWatch::FiniteWatch(Executable& program) : program_(&program), nodes_(program.step_nodes()) {}

void FiniteWatch::look(std::string_view what, const Tensor& value) {
  if (!found_.empty() || !is_floating(value.dtype())) return;
  const Tensor host = value.to(cpu_device());
  if (all_finite(host)) return;
  const std::vector<double> numbers = host.to_doubles();
  const auto bad =
      std::ranges::find_if(numbers, [](double number) { return !std::isfinite(number); });
  found_ = fmt::format("{} {} at element {} of {} {}", what, *bad, bad - numbers.begin(),
                       dtype_name(value.dtype()), to_string(value.shape()));
}

void FiniteWatch::run_begins() {
  found_.clear();
  const Graph& graph = program_->graph();
  for (const auto* sources : {&graph.inputs(), &graph.states()})
    for (const int index : *sources) {
      const Node& node = graph.node(index);
      const bool is_input = node.kind == NodeKind::input;
      look(fmt::format("{} '{}' was already", is_input ? "the input" : "the state", node.name),
           program_->value({index, 0}));
    }
}

void FiniteWatch::step_ended(size_t step) {
  const Node& node = program_->graph().node(nodes_[step]);
  if (asks_for_infinity(node)) return;
  for (int k = 0; k < static_cast<int>(node.outputs.size()); ++k)
    if (const Tensor value = program_->value({nodes_[step], k}))
      look(fmt::format("the node '{}' ({}) made", node.name, node.op->name), value);
}

}  // namespace gradus
