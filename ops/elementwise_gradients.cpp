// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise_gradients.h"

#include "engine/base/error.h"

namespace gradus {

Value scaled(Value x, double factor) { return factor == 1.0 ? x : x * factor; }

Value clamp_gradient(Value x, Value dy, const Attrs& attrs) {
  // Written with what is inside, so that NaN has gradient 0. 0 at the bounds too, as PyTorch 2.15.
  Value gradient = dy;
  if (attrs.has("min")) gradient = where(x > attrs.real("min"), gradient, zero(dy));
  if (attrs.has("max")) gradient = where(x < attrs.real("max"), gradient, zero(dy));
  return gradient;
}

Value gelu_curvature(Value x, Value dy, const Attrs& attrs) {
  if (attrs.text("approximate") == "none") {
    const Value pdf = 0.3989422804014327 * exp(-0.5 * square(x));
    return dy * (pdf * (2.0 - square(x)));
  }
  const double c = 0.79788456080286536, a = 0.044715;  // c = sqrt(2 / pi)
  // gelu = x (1 + t) / 2 with t = tanh(u), u = c (x + a x^3)
  const Value t = tanh(c * (x + a * (x * square(x))));
  const Value slope = c * (1.0 + 3.0 * a * square(x));  // u'; x u'' / 2 = 3 c a x^2
  return dy * ((1.0 - square(t)) * (slope + 3.0 * c * a * square(x) - x * (t * square(slope))));
}

Value mish_gradient(Value x, Value dy) {
  const Value t = tanh(softplus(x));
  return dy * (t + x * (1.0 - square(t)) * sigmoid(x));
}

Value silu_gradient(Value x, Value dy) {
  const Value s = sigmoid(x);
  return dy * (s * (1.0 + x * (1.0 - s)));
}

Value softplus_gradient(Value x, Value dy, const Attrs& attrs) {
  const Value scaled_x = x * attrs.real("beta");
  return where(scaled_x > attrs.real("threshold"), dy, dy * sigmoid(scaled_x));
}

Value atan2_gradient(Value numerator, Value other, Value dy) {
  const Value squares = square(numerator) + square(other);
  const Value one = dy.graph().scalar(1.0, squares.dtype());
  return dy * numerator / where(eq(squares, zero(squares)), one, squares);
}

Value div_gradient_input(Value y, Value dy, const Attrs& attrs) {
  return attrs.has("rounding_mode") ? zeros_like(dy) : dy / y;
}

Value div_gradient_other(Value y, Value out, Value dy, const Attrs& attrs) {
  return attrs.has("rounding_mode") ? zeros_like(dy) : -dy * out / y;
}

Value extreme_gradient(Value larger, Value smaller, Value dy) {
  return where(lt(larger, smaller), zero(dy), where(eq(larger, smaller), 0.5 * dy, dy));
}

Value pow_gradient_base(Value x, Value y, Value dy) {
  const Value flat = apply1("eq", {y, y.graph().scalar(0.0, y.dtype())});
  return where(flat, zero(dy), dy * (y * pow(x, y - 1.0)));
}

Value pow_gradient_exponent(Value x, Value y, Value out, Value dy) {
  // 0 to a non-negative power does not move with the exponent; log(0) must not leak a NaN.
  const Value flat = logical_and(apply1("eq", {x, x.graph().scalar(0.0, x.dtype())}), y >= 0.0);
  return where(flat, zero(dy), dy * (out * log(where(flat, ones_like(x), x))));
}

}  // namespace gradus
