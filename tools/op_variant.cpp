// SPDX-License-Identifier: Apache-2.0
#include "tools/op_variant.h"

#include <algorithm>
#include <vector>

#include <fmt/ranges.h>

#include "engine/base/error.h"
#include "engine/exec/preferred_variant.h"

namespace gradus {

void use_variant(const std::string& name, std::span<const OpDef* const> ops) {
  if (name.empty()) return;
  for (const OpDef* op : ops) {
    std::vector<std::string_view> names;
    for (const auto* table : {&op->cpu, &op->cuda})
      for (const KernelVariant& row : *table) names.push_back(row.name);
    if (names.empty() || std::ranges::find(names, name) != names.end()) continue;
    const std::string_view near = nearest_name(name, names);
    failf(ErrorKind::not_found, op->name, "no kernel variant '{}'{}; it has {}", name,
          near.empty() ? "" : fmt::format(", did you mean '{}'?", near), fmt::join(names, ", "));
  }
  set_preferred_variant(name);
}

}  // namespace gradus
