// SPDX-License-Identifier: Apache-2.0
#include "ops/loss.h"
#include "ops/op_list.h"
#include "ops/ops.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  check_loss_inputs(in[0], in[1], "mse_loss");
  return {reduce_loss(square(in[0] - in[1]), attrs, "mse_loss")};
}

}  // namespace

OpDef mse_loss_op() {
  return {.name = "mse_loss",
          .doc = "(input - target)^2",
          .inputs = {{"input"}, {"target"}},
          .attributes = {reduction_attribute()},
          .composite = composite,
          .samples = [] { return loss_samples({}); }};
}

}  // namespace gradus
