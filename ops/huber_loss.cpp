// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "engine/base/error.h"
#include "ops/loss.h"
#include "ops/op_list.h"
#include "ops/ops.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const double delta = attrs.real("delta");
  GRADUS_CHECK(delta > 0, "[huber_loss] attribute 'delta', expected more than 0, got {}", delta);
  const Value error = loss_error(in[0], in[1], "huber_loss"), size = abs(error);
  const auto reduced = [&](Value loss) {
    return reduce_loss(cast(loss, in[0].dtype()), attrs, "huber_loss");
  };
  if (std::isinf(delta)) return {reduced(0.5 * square(error))};
  // What is outside does not reach the square, whose gradient could be infinite there.
  const Value outside = size > delta, inside = where(outside, zeros_like(error), error);
  const Value loss = where(outside, delta * (size - 0.5 * delta), 0.5 * square(inside));
  return {reduced(loss)};
}

}  // namespace

OpDef huber_loss_op() {
  return {
      .name = "huber_loss",
      .doc =
          "e^2 / 2 where |e| <= delta, else delta * (|e| - delta / 2), for e = input - target; of "
          "the input's dtype",
      .inputs = {{"input"}, {"target"}},
      .attributes = {reduction_attribute(), {"delta", AttrType::real, 1.0}},
      .composite = composite,
      .samples = [] {
        return loss_samples(
            {.target_lo = 3, .target_hi = 4, .more = {{{"delta", 30}}, {{"delta", 0.5}}}});
      }};
}

}  // namespace gradus
