// SPDX-License-Identifier: Apache-2.0
#include "ops/adam_rule.h"
#include "ops/op_list.h"

namespace gradus {

OpDef adamw_step_composite_op() { return adam_step_composite_def(AdamForm::adamw); }

}  // namespace gradus
