// SPDX-License-Identifier: Apache-2.0
#include "ops/loss.h"
#include "ops/op_list.h"
#include "ops/ops.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  // A product, whose gradient divides by the count before it doubles: where 2 e overflows, 2 e / n
  // need not.
  const Value error = loss_error(in[0], in[1], "mse_loss");
  return {reduce_loss(error * error, attrs, "mse_loss")};
}

}  // namespace

OpDef mse_loss_op() {
  return {.name = "mse_loss",
          .doc = "(input - target)^2",
          .inputs = {{"input"}, {"target"}},
          .attributes = {reduction_attribute()},
          .dtypes = all_types,
          .composite = composite,
          .samples = [] { return loss_samples({}); }};
}

}  // namespace gradus
