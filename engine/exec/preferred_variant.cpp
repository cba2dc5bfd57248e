// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/preferred_variant.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "engine/base/error.h"
#include "engine/op/registry.h"

namespace gradus {
namespace {

std::string checked(std::string_view name) {
  if (name.empty()) return {};
  std::vector<std::string_view> names;
  for (const OpDef& op : all_ops())
    for (const auto* table : {&op.cpu, &op.cuda})
      for (const KernelVariant& row : *table) names.push_back(row.name);
  if (std::ranges::find(names, name) != names.end()) return std::string(name);
  const std::string_view near = nearest_name(name, names);
  if (!near.empty())
    failf(ErrorKind::not_found, "", "no op has a kernel variant '{}', did you mean '{}'?", name,
          near);
  failf(ErrorKind::not_found, "",
        "no op has a kernel variant '{}'; `gradus op show NAME` lists an op's", name);
}

// Read at the first use, when the ops are registered.
std::string& preference() {
  static std::string name = [] {
    const char* text = std::getenv("GRADUS_VARIANT");
    return checked(text ? text : "");
  }();
  return name;
}

}  // namespace

const std::string& preferred_variant() { return preference(); }

void set_preferred_variant(std::string_view name) { preference() = checked(name); }

}  // namespace gradus
