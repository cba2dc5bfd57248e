// SPDX-License-Identifier: Apache-2.0
#include "ops/arg_extreme.h"
#include "ops/op_list.h"

namespace gradus {

OpDef argmax_op() {
  return arg_extreme_op(
      "argmax",
      "the first index of the largest along dim (of all elements, flattened, when "
      "none); NaN wins",
      true);
}

}  // namespace gradus
