// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tools/command.h"

namespace gradus {

// `gradus data tokenizer train|encode|decode`.
Command tokenizer_command();

}  // namespace gradus
