// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/op/op.h"

namespace gradus {

// tril (lower) and triu differ only in which side of the diagonal they keep.
OpDef triangle_op(bool lower, std::string_view doc);

}  // namespace gradus
