// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "ops/loss.h"
#include "ops/op_list.h"
#include "ops/ops.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  GRADUS_CHECK(in[1].dtype() != DType::bool_,
               "[l1_loss] input 'target', expected numbers, got bool");
  return {reduce_loss(abs(loss_error(in[0], in[1], "l1_loss")), attrs, "l1_loss")};
}

}  // namespace

OpDef l1_loss_op() {
  return {.name = "l1_loss",
          .doc = "|input - target|; gradient 0 where they are equal",
          .inputs = {{"input"}, {"target"}},
          .attributes = {reduction_attribute()},
          .composite = composite,
          .samples = [] { return loss_samples({.target_lo = 3, .target_hi = 4}); }};
}

}  // namespace gradus
