// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "engine/op/op.h"

namespace gradus {

// The ops of the process. A program registers its list once, at start-up (ops/all_ops.h); explicit,
// because a static that registers itself vanishes when linked from an archive.
void register_ops(std::vector<OpDef> ops);

// All ops, sorted by name.
std::span<const OpDef> all_ops();

// Null when there is none.
const OpDef* find_op(std::string_view name);
// Throws for an unknown op, with the nearest name.
const OpDef& get_op(std::string_view name);

}  // namespace gradus
