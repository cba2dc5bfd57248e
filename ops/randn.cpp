// SPDX-License-Identifier: Apache-2.0
#include "ops/op_list.h"
#include "ops/random_fill.h"

namespace gradus {

OpDef randn_op() {
  return random_fill_op(
      "randn", "random numbers of shape size from the normal distribution of mean 0 and variance 1",
      true);
}

}  // namespace gradus
