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
  if (is_floating(in[0].dtype()) || is_floating(in[1].dtype()))
    return {reduce_loss(abs(loss_error(in[0], in[1], "l1_loss")), attrs, "l1_loss")};
  GRADUS_CHECK(loss_reduction(attrs, "l1_loss") != kernels::LossReduction::mean,
               "[l1_loss] reduction 'mean', expected a floating input or target, got {} and {}",
               dtype_name(in[0].dtype()), dtype_name(in[1].dtype()));
  return {reduce_loss(abs(in[0] - in[1]), attrs, "l1_loss")};
}

}  // namespace

OpDef l1_loss_op() {
  return {.name = "l1_loss",
          .doc = "|input - target|; gradient 0 where they are equal",
          .inputs = {{"input"}, {"target"}},
          .attributes = {reduction_attribute()},
          .dtypes = number_types,
          .composite = composite,
          .samples = [] { return loss_samples({.target_lo = 3, .target_hi = 4}); }};
}

}  // namespace gradus
