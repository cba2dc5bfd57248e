// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "ops/loss.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/row_norm.h"

namespace gradus {
namespace {

constexpr std::string_view name = "binary_cross_entropy_with_logits";

void check_broadcast(Value to, Value value, std::string_view input) {
  if (!value) return;
  GRADUS_CHECK(broadcast(to.shape(), value.shape(), name) == to.shape(),
               "[{}] input '{}', expected a shape that broadcasts to {}, got {}", name, input,
               to_string(to.shape()), to_string(value.shape()));
}

// (1 - t) * log(1 + e^x) + pos_weight * t * log(1 + e^-x): no term cancels another for t in [0, 1].
// NaN at -inf, as PyTorch's (1 - t) * x - log(sigmoid(x)). Reduced floats are rounded once, at the
// end; the result is of the target's dtype.
std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const auto wide = [&](size_t i) { return in[i] ? widened(in[i]) : Value(); };
  const Value x = wide(0), target = wide(1), weight = wide(2), pos_weight = wide(3);
  GRADUS_CHECK(is_floating(x.dtype()), "[{}] input 'input', expected a floating dtype, got {}",
               name, dtype_name(x.dtype()));
  GRADUS_CHECK(target.shape() == x.shape() && is_floating(target.dtype()),
               "[{}] input 'target', expected {}, got {}", name, to_string(x.spec()),
               to_string(target.spec()));
  check_broadcast(x, weight, "weight");
  check_broadcast(x, pos_weight, "pos_weight");
  const Value positive = pos_weight ? target * pos_weight : target;
  const Value undefined = 0.0 * minimum(x, zero(x));
  Value loss = (1.0 - target) * log1p_exp(x) + positive * log1p_exp(-x) + undefined;
  if (weight) loss = loss * weight;
  return {cast(reduce_loss(loss, attrs, name), in[1].dtype())};
}

std::vector<Sample> samples() {
  const SampleInput absent = SampleInput::absent();
  const auto sample = [](const Shape& shape, SampleInput weight, SampleInput pos_weight,
                         AttrList attrs = {}) {
    return Sample{.inputs = {{.shape = shape, .lo = -4, .hi = 4},
                             {.shape = shape, .lo = 0, .hi = 1},
                             std::move(weight),
                             std::move(pos_weight)},
                  .attrs = std::move(attrs)};
  };
  std::vector<Sample> list{
      sample({3, 5}, absent, absent),
      sample({3, 5}, {.shape = {5}, .lo = 0.5, .hi = 2}, absent, {{"reduction", "none"}}),
      sample({3, 5}, absent, {.shape = {5}, .lo = 0.5, .hi = 2}, {{"reduction", "sum"}}),
      sample({3, 5}, {.shape = {3, 1}, .lo = 0.5, .hi = 2}, {.shape = {5}, .lo = 0.5, .hi = 2}),
      sample({}, absent, absent),
      sample({1}, absent, absent),
      sample({0, 3}, absent, absent, {{"reduction", "sum"}}),
      sample({33}, absent, absent),
      sample({1024, 1024}, absent, absent)};
  list.back().bench = true;
  return list;
}

}  // namespace

OpDef binary_cross_entropy_with_logits_op() {
  return {.name = "binary_cross_entropy_with_logits",
          .doc =
              "(1 - target) * log(1 + exp(input)) + pos_weight * target * log(1 + exp(-input)), "
              "times weight",
          .inputs = {{"input"},
                     {"target"},
                     {"weight", InputKind::optional},
                     {"pos_weight", InputKind::optional}},
          .attributes = {reduction_attribute()},
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
