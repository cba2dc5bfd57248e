// SPDX-License-Identifier: Apache-2.0
#include "ops/loss.h"
#include "ops/op_list.h"
#include "ops/ops.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  check_loss_inputs(in[0], in[1], "hinge_loss");
  return {reduce_loss(relu(1.0 - in[0] * in[1]), attrs, "hinge_loss")};
}

}  // namespace

OpDef hinge_loss_op() {
  return {
      .name = "hinge_loss",
      .doc =
          "max(0, 1 - target * input) for targets of -1 and 1; gradient 0 at and beyond the margin",
      .inputs = {{"input"}, {"target"}},
      .attributes = {reduction_attribute()},
      .composite = composite,
      .samples = [] {
        return loss_samples({.input_lo = -0.9, .input_hi = 0.9, .target_lo = -1, .target_hi = 1});
      }};
}

}  // namespace gradus
