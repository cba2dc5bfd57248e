// SPDX-License-Identifier: Apache-2.0
// What argmax and argmin share.
#pragma once

#include "engine/op/op.h"

namespace gradus {

OpDef arg_extreme_op(std::string_view name, std::string_view doc, bool largest);

}  // namespace gradus
