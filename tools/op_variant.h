// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "engine/op/op.h"

namespace gradus {

// What the option --variant of the commands below `gradus op` does: prefers the kernel variant of
// this name from now on (engine/exec/preferred_variant.h). Empty: nothing. Throws Error(not_found)
// if one of `ops` that has kernels of its own lacks it, with the names it has.
void use_variant(const std::string& name, std::span<const OpDef* const> ops);

}  // namespace gradus
