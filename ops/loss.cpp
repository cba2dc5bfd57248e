// SPDX-License-Identifier: Apache-2.0
#include "ops/loss.h"

#include "engine/base/error.h"
#include "ops/ops.h"

namespace gradus {

AttrSpec reduction_attribute() { return {"reduction", AttrType::text, "mean"}; }

kernels::LossReduction loss_reduction(const Attrs& attrs, std::string_view op) {
  const std::string& text = attrs.text("reduction");
  if (text == "none") return kernels::LossReduction::none;
  if (text == "sum") return kernels::LossReduction::sum;
  GRADUS_CHECK(text == "mean", "[{}] attribute 'reduction', expected none, mean or sum, got '{}'",
               op, text);
  return kernels::LossReduction::mean;
}

Value reduce_loss(Value loss, const Attrs& attrs, std::string_view op) {
  switch (loss_reduction(attrs, op)) {
    case kernels::LossReduction::none:
      return loss;
    case kernels::LossReduction::sum:
      return sum(loss);
    default:
      return mean(loss);
  }
}

void check_loss_inputs(Value input, Value target, std::string_view op) {
  GRADUS_CHECK(is_floating(target.dtype()),
               "[{}] input 'target', expected a floating dtype, got {}", op,
               dtype_name(target.dtype()));
  (void)broadcast(input.shape(), target.shape(), op);
}

Value loss_error(Value input, Value target, std::string_view op) {
  (void)broadcast(input.shape(), target.shape(), op);
  const bool by_input = is_floating(input.dtype()), by_target = is_floating(target.dtype());
  GRADUS_CHECK(by_input || by_target, "[{}] expected a floating input or target, got {} and {}", op,
               dtype_name(input.dtype()), dtype_name(target.dtype()));
  if (!by_input) return cast(input, target.dtype()) - target;
  return input - (by_target ? target : cast(target, input.dtype()));
}

Value log1p_exp(Value x) { return softplus(x, {{"threshold", 1e300}}); }

std::vector<Sample> loss_samples(const LossSamples& options) {
  std::vector<Sample> list;
  const auto push = [&](const Shape& input, const Shape& target, AttrList attrs) {
    list.push_back({.inputs = {{.shape = input,
                                .fill = Fill::distinct,
                                .lo = options.input_lo,
                                .hi = options.input_hi},
                               {.shape = target,
                                .fill = options.target_fill,
                                .lo = options.target_lo,
                                .hi = options.target_hi}},
                    .attrs = std::move(attrs)});
  };
  push({3, 5}, {3, 5}, {});
  push({2, 3, 7}, {2, 3, 7}, {{"reduction", "none"}});
  push({4, 5}, {4, 5}, {{"reduction", "sum"}});
  push({3, 5}, {5}, {});
  push({5}, {3, 1}, {{"reduction", "none"}});
  push({}, {}, {});
  push({1}, {1}, {});
  push({0, 3}, {0, 3}, {{"reduction", "sum"}});
  push({33}, {33}, {});
  for (const AttrList& attrs : options.more) push({4, 5}, {4, 5}, attrs);
  push({1024, 1024}, {1024, 1024}, {});
  list.back().bench = true;
  return list;
}

}  // namespace gradus
