// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/program_memory.h"

#include <set>

#include "engine/base/error.h"
#include "engine/base/philox.h"

namespace gradus {

std::vector<std::unique_ptr<KernelCall>> kernel_calls(const Graph& graph, Device& device) {
  std::vector<std::unique_ptr<KernelCall>> calls(graph.nodes().size());
  for (size_t i = 0; i < calls.size(); ++i) {
    const Node& node = graph.node(static_cast<int>(i));
    if (!node.subgraphs.empty())
      failf(ErrorKind::unsupported, node.name,
            "control flow cannot be planned; run the graph stepwise");
    if (node.kind != NodeKind::op || node.op->view) continue;
    std::vector<TensorSpec> in;
    for (const ValueRef& input : node.inputs)
      in.push_back(input.present() ? graph.spec(input) : TensorSpec::absent());
    calls[i] = std::make_unique<KernelCall>(*node.op, node.attrs, in, node.outputs, device);
  }
  return calls;
}

Plan make_plan(const Graph& graph, std::span<const std::unique_ptr<KernelCall>> calls) {
  std::vector<int64_t> workspaces(calls.size(), 0);
  for (size_t i = 0; i < calls.size(); ++i)
    if (calls[i]) workspaces[i] = calls[i]->workspace_bytes();
  return make_plan(graph, workspaces);
}

ProgramMemory program_memory(const Graph& graph, const Device& device) {
  ProgramMemory memory{0, static_cast<int64_t>(sizeof(RngState))};
  std::set<const void*> known;  // nodes may share a tensor
  for (const Node& node : graph.nodes()) {
    if (node.kind != NodeKind::constant) continue;
    const int64_t bytes = node.constant.bytes();
    if (&node.constant.device() != &device) memory.constants += bytes;
    if (known.insert(node.constant.data()).second) memory.constants += bytes;
  }
  return memory;
}

}  // namespace gradus
