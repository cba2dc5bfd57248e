// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace gradus {

// Bytes that `--memory` says; of an empty text nine tenths of what the machine has, `taken` (by
// this process) counted. Throws invalid_argument for what is no size.
int64_t memory_option(const std::string& text, int64_t taken);

}  // namespace gradus
