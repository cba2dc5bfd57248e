// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/op/op.h"

namespace gradus {

// rand and randn differ in the kernel alone.
OpDef random_fill_op(std::string_view name, std::string_view doc, bool normal);

}  // namespace gradus
