// SPDX-License-Identifier: Apache-2.0
// Declares NAME_op() for each row of ops/op_list.inc; ops/NAME.cpp defines it.
#pragma once

#include "engine/op/op.h"

namespace gradus {

#define GRADUS_OP(name) OpDef name##_op();
#include "ops/op_list.inc"
#undef GRADUS_OP

}  // namespace gradus
