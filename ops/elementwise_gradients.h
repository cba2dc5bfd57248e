// SPDX-License-Identifier: Apache-2.0
// Gradients of kernels/elementwise.inc that are too long for a row. All are made of public ops, so
// they differentiate again.
#pragma once

#include "ops/ops.h"

namespace gradus {

Value scaled(Value x, double factor);  // x itself for 1
Value clamp_gradient(Value x, Value dy, const Attrs& attrs);
Value gelu_curvature(Value x, Value dy, const Attrs& attrs);  // dy times gelu's second derivative
Value mish_gradient(Value x, Value dy);
Value silu_gradient(Value x, Value dy);
Value softplus_gradient(Value x, Value dy, const Attrs& attrs);
Value atan2_gradient(Value numerator, Value other, Value dy);
Value div_gradient_input(Value y, Value dy, const Attrs& attrs);
Value div_gradient_other(Value y, Value out, Value dy, const Attrs& attrs);
// Of the one that is picked: of `larger` in max(larger, smaller), of `smaller` in min. 0 where it
// loses, half where both are equal, dy elsewhere, so NaN passes it on.
Value extreme_gradient(Value larger, Value smaller, Value dy);
Value pow_gradient_base(Value x, Value y, Value dy);
Value pow_gradient_exponent(Value x, Value y, Value out, Value dy);

}  // namespace gradus
