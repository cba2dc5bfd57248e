// SPDX-License-Identifier: Apache-2.0
#include "ops/arg_extreme.h"
#include "ops/op_list.h"

namespace gradus {

OpDef argmin_op() {
  return arg_extreme_op(
      "argmin",
      "the first index of the smallest along dim (of all elements, flattened, when "
      "none); NaN wins",
      false);
}

}  // namespace gradus
