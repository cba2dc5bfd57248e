// SPDX-License-Identifier: Apache-2.0
#include "engine/op/registry.h"

#include <algorithm>

#include "engine/base/error.h"

namespace gradus {
namespace {

std::vector<OpDef>& table() {
  static std::vector<OpDef>* ops = new std::vector<OpDef>;
  return *ops;
}

}  // namespace

void register_ops(std::vector<OpDef> ops) {
  GRADUS_ASSERT(table().empty(), "ops are registered once");
  std::ranges::sort(ops, {}, &OpDef::name);
  for (size_t i = 0; i < ops.size(); ++i) {
    const OpDef& op = ops[i];
    GRADUS_ASSERT(i == 0 || ops[i - 1].name != op.name, "op '{}' is registered twice", op.name);
    GRADUS_ASSERT(op.composite || (op.infer && (op.view || !op.cpu.empty())),
                  "op '{}' has neither kernels nor a composite", op.name);
    GRADUS_ASSERT(!op.doc.empty() && op.samples, "op '{}' lacks doc or samples", op.name);
  }
  table() = std::move(ops);
}

std::span<const OpDef> all_ops() { return table(); }

const OpDef* find_op(std::string_view name) {
  const auto found = std::ranges::lower_bound(table(), name, {}, &OpDef::name);
  return found != table().end() && found->name == name ? &*found : nullptr;
}

const OpDef& get_op(std::string_view name) {
  if (const OpDef* op = find_op(name)) return *op;
  std::vector<std::string_view> names;
  for (const OpDef& op : table()) names.push_back(op.name);
  const std::string_view near = nearest_name(name, names);
  if (!near.empty())
    failf(ErrorKind::not_found, "", "unknown op '{}', did you mean '{}'?", name, near);
  failf(ErrorKind::not_found, "", "unknown op '{}'; `gradus op list` shows all {}", name,
        names.size());
}

}  // namespace gradus
