// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ops/optimizer_step.h"

namespace gradus {

// Adam adds weight decay to the gradient; AdamW shrinks the weight instead. Everything else is one.
enum class AdamForm { adam, adamw };

OpDef adam_step_def(AdamForm form);
OpDef adam_step_composite_def(AdamForm form);

}  // namespace gradus
