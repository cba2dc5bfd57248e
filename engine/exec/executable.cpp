// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/executable.h"

#include "engine/base/error.h"
#include "engine/exec/program_memory.h"

namespace gradus {
namespace {

size_t at(int i) { return static_cast<size_t>(i); }

}  // namespace

Executable::Executable(std::shared_ptr<const Graph> graph, StateStore& states, Arena& arena)
    : graph_(std::move(graph)),
      states_(&states),
      arena_(&arena),
      device_(&arena.device()),
      calls_(kernel_calls(*graph_, *device_)),
      plan_(make_plan(*graph_, calls_)),
      constants_(graph_->nodes().size()),
      rng_(DType::u64, {static_cast<int64_t>(sizeof(RngState) / 8)}, *device_) {
  for (size_t i = 0; i < constants_.size(); ++i) {
    const Node& node = graph_->node(static_cast<int>(i));
    if (node.kind == NodeKind::state)
      states.declare(node.name, node.outputs[0].dtype, node.outputs[0].shape);
    if (node.kind == NodeKind::constant)
      constants_[i] =
          &node.constant.device() == device_ ? node.constant : node.constant.to(*device_);
  }
  arena.reserve(plan_.arena_bytes);
  bind();
}

void* Executable::address(ValueRef value) const {
  const auto found = plan_.placements.find(value);
  if (found == plan_.placements.end()) return nullptr;
  const Placement& placement = found->second;
  switch (placement.storage) {
    case Storage::state:
      return states_->get(graph_->node(placement.node).name).data();
    case Storage::constant:
      return constants_[at(placement.node)].data();
    case Storage::arena:
      break;
  }
  return static_cast<char*>(arena_->buffer()->data()) + placement.offset;
}

// After the last step: where the value can be read while states change.
void* Executable::final_address(ValueRef value) const {
  const auto staged = plan_.staged.find(value);
  if (staged == plan_.staged.end()) return address(value);
  return static_cast<char*>(arena_->buffer()->data()) + staged->second;
}

void Executable::bind() {
  char* arena = static_cast<char*>(arena_->buffer()->data());
  steps_.clear();
  copies_.clear();
  std::vector<void*> in, out;
  for (size_t step = 0; step < plan_.order.size(); ++step) {
    const int index = plan_.order[step];
    KernelCall* call = calls_[at(index)].get();
    if (call == nullptr) continue;  // a view
    const Node& node = graph_->node(index);
    in.clear();
    out.clear();
    for (const ValueRef& input : node.inputs)
      in.push_back(input.present() ? address(input) : nullptr);
    for (int k = 0; k < static_cast<int>(node.outputs.size()); ++k)
      out.push_back(address({index, k}));
    call->bind(in, out, arena + plan_.workspace_offsets[step], device_->default_stream(),
               rng_.data_as<const RngState>());
    steps_.push_back(call);
  }
  for (const auto& [value, offset] : plan_.staged)
    copies_.push_back({address(value), arena + offset, graph_->spec(value).bytes()});
  for (const StateCopy& copy : plan_.copies)
    copies_.push_back({final_address(copy.source), states_->get(copy.state).data(),
                       graph_->spec(copy.source).bytes()});
  bind_edges();
  bound_generation_ = arena_->generation();
}

// Once for all steps, so that setting inputs and reading outputs allocates nothing either.
void Executable::bind_edges() {
  inputs_.clear();
  outputs_.clear();
  for (int index : graph_->inputs())
    inputs_.push_back(borrow(address({index, 0}), graph_->node(index).outputs[0]));
  for (const NamedValue& output : graph_->outputs())
    outputs_.push_back(borrow(final_address(output.value), graph_->spec(output.value)));
}

void Executable::run(const RngState& rng, RunObserver* observer) {
  if (bound_generation_ != arena_->generation()) bind();
  const StreamHandle stream = device_->default_stream();
  device_->copy_from_host(rng_.data(), &rng, sizeof rng, stream);
  if (observer)
    run_observed(*observer);
  else
    for (const KernelCall* call : steps_) call->run();
  for (const Copy& copy : copies_) device_->copy_within(copy.to, copy.from, copy.bytes, stream);
  device_->synchronize(stream);
}

void Executable::run_observed(RunObserver& observer) const {
  const StreamHandle stream = device_->default_stream();
  device_->synchronize(stream);
  observer.run_begins();
  for (size_t step = 0; step < steps_.size(); ++step) {
    steps_[step]->run();
    device_->synchronize(stream);
    observer.step_ended(step);
  }
}

Tensor Executable::input(std::string_view name) {
  if (bound_generation_ != arena_->generation()) bind();
  for (size_t i = 0; i < inputs_.size(); ++i)
    if (graph_->node(graph_->inputs()[i]).name == name) return inputs_[i];
  failf(ErrorKind::invalid_argument, "", "the graph has no input '{}'", name);
}

void Executable::set_input(std::string_view name, const Tensor& value) {
  input(name).copy_from(value);
}

void Executable::set_input(std::string_view name, double value) {
  const Tensor target = input(name);
  GRADUS_CHECK(target.numel() == 1, "input '{}', expected a tensor of shape {}, got a number", name,
               to_string(target.shape()));
  alignas(8) unsigned char element[8] = {};  // room for any dtype
  convert(DType::f64, &value, target.dtype(), element, 1);
  const StreamHandle stream = device_->default_stream();
  device_->copy_from_host(target.data(), element, target.bytes(), stream);
  device_->synchronize(stream);
}

Tensor Executable::output(std::string_view name) {
  if (bound_generation_ != arena_->generation()) bind();
  for (size_t i = 0; i < outputs_.size(); ++i)
    if (graph_->outputs()[i].name == name) return outputs_[i];
  failf(ErrorKind::invalid_argument, "", "the graph has no output '{}'", name);
}

Tensor Executable::value(ValueRef value) const {
  void* const memory = address(value);
  return memory == nullptr ? Tensor() : borrow(memory, graph_->spec(value));
}

Tensor Executable::borrow(void* memory, const TensorSpec& spec) const {
  return {std::make_shared<Buffer>(*device_, memory, spec.bytes()), 0, spec.dtype, spec.shape};
}

std::vector<std::string_view> Executable::variants() const {
  std::vector<std::string_view> names;
  for (const KernelCall* call : steps_) names.push_back(call->variant());
  return names;
}

std::vector<int> Executable::step_nodes() const {
  std::vector<int> nodes;
  for (int index : plan_.order)
    if (calls_[at(index)] != nullptr) nodes.push_back(index);
  return nodes;
}

}  // namespace gradus
