// SPDX-License-Identifier: Apache-2.0
#include "ops/all_ops.h"

#include "engine/op/core_ops.h"
#include "engine/op/registry.h"
#include "ops/elementwise.h"
#include "ops/op_list.h"

namespace gradus {

void register_all_ops() {
  static const bool once = [] {
    std::vector<OpDef> ops = elementwise_ops();
#define GRADUS_OP(name) ops.push_back(name##_op());
#include "ops/op_list.inc"
#undef GRADUS_OP
    register_ops(std::move(ops));
    check_core_ops();
    return true;
  }();
  (void)once;
}

}  // namespace gradus
