// SPDX-License-Identifier: Apache-2.0
// What losses share: the attribute `reduction`.
#pragma once

#include <string_view>

#include "engine/graph/value.h"
#include "engine/op/op.h"
#include "kernels/cross_entropy.h"

namespace gradus {

AttrSpec reduction_attribute();  // "mean"
// Throws, naming `op`, for another text than none, mean or sum.
kernels::LossReduction loss_reduction(const Attrs& attrs, std::string_view op);
// `loss` as it is, its mean or its sum.
Value reduce_loss(Value loss, const Attrs& attrs, std::string_view op);
// Throws, naming `op`, unless the shapes broadcast and the target is floating.
void check_loss_inputs(Value input, Value target, std::string_view op);
// input - target; what is not floating takes the other's dtype. Throws, naming `op`, unless the
// shapes broadcast and one of both is floating.
Value loss_error(Value input, Value target, std::string_view op);
// log(1 + exp(x)) for every x, never by the linear branch of softplus.
Value log1p_exp(Value x);

// Samples of an elementwise loss of (input, target) with each `more` off its default.
struct LossSamples {
  double input_lo = -2, input_hi = 2;
  double target_lo = -2, target_hi = 2;
  Fill target_fill = Fill::uniform;
  std::vector<AttrList> more = {};
};
std::vector<Sample> loss_samples(const LossSamples& options);

}  // namespace gradus
