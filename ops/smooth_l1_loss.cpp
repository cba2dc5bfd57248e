// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "ops/loss.h"
#include "ops/op_list.h"
#include "ops/ops.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const double beta = attrs.real("beta");
  GRADUS_CHECK(beta >= 0, "[smooth_l1_loss] attribute 'beta', expected 0 or more, got {}", beta);
  const Value error = loss_error(in[0], in[1], "smooth_l1_loss"), size = abs(error);
  if (beta == 0) return {reduce_loss(size, attrs, "smooth_l1_loss")};
  // What is outside does not reach the square, whose gradient could be infinite there.
  const Value outside = size >= beta, inside = where(outside, zeros_like(error), error);
  const Value loss = where(outside, size - 0.5 * beta, square(inside) * (0.5 / beta));
  return {reduce_loss(loss, attrs, "smooth_l1_loss")};
}

}  // namespace

OpDef smooth_l1_loss_op() {
  return {.name = "smooth_l1_loss",
          .doc = "e^2 / (2 beta) where |e| < beta, else |e| - beta / 2, for e = input - target",
          .inputs = {{"input"}, {"target"}},
          .attributes = {reduction_attribute(), {"beta", AttrType::real, 1.0}},
          .dtypes = all_types,
          .composite = composite,
          .samples = [] {
            return loss_samples(
                {.target_lo = 3, .target_hi = 4, .more = {{{"beta", 30}}, {{"beta", 0}}}});
          }};
}

}  // namespace gradus
