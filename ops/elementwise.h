// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "engine/op/op.h"

namespace gradus {

// One OpDef for each row of kernels/elementwise.inc.
std::vector<OpDef> elementwise_ops();

}  // namespace gradus
