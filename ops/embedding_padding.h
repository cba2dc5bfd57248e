// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/op/attributes.h"

namespace gradus {

// The row that padding_idx names, or -1 where the attribute is none; a negative one counts from the
// end. Throws, naming `op`, where it is outside [-rows, rows).
int64_t padding_row(const Attrs& attrs, int64_t rows, std::string_view op);

}  // namespace gradus
