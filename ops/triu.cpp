// SPDX-License-Identifier: Apache-2.0
#include "ops/op_list.h"
#include "ops/triangle.h"

namespace gradus {

OpDef triu_op() {
  return triangle_op(
      false, "keeps the elements of each matrix with column - row >= diagonal, zero elsewhere");
}

}  // namespace gradus
