// SPDX-License-Identifier: Apache-2.0
#include "engine/op/core_ops.h"

#include "engine/base/error.h"
#include "engine/op/registry.h"

namespace gradus {

void check_core_ops() {
  for (std::string_view name : core_op_names)
    GRADUS_ASSERT(find_op(name) != nullptr, "the engine needs op '{}', which is not registered",
                  name);
}

}  // namespace gradus
