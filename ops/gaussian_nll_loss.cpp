// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <numbers>

#include "engine/base/error.h"
#include "ops/loss.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/row_norm.h"

namespace gradus {
namespace {

constexpr std::string_view name = "gaussian_nll_loss";

// var of input's shape, or with the last dim 1, or without it.
Value variance_of(Value input, Value var) {
  const Shape& shape = input.shape();
  if (var.shape() == shape) return var;
  GRADUS_CHECK(shape.rank() >= 1, "[{}] input 'var', expected {}, got {}", name, to_string(shape),
               to_string(var.shape()));
  Shape one = shape;
  one[shape.rank() - 1] = 1;
  Shape without = shape;
  without.erase(shape.rank() - 1);
  GRADUS_CHECK(var.shape() == one || var.shape() == without,
               "[{}] input 'var', expected {}, {} or {}, got {}", name, to_string(shape),
               to_string(one), to_string(without), to_string(var.shape()));
  return reshape(var, one);
}

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const double eps = attrs.real("eps");
  GRADUS_CHECK(eps > 0 && std::isfinite(eps),
               "[{}] attribute 'eps', expected a finite number above 0, got {}", name, eps);
  for (const Value& value : in)
    GRADUS_CHECK(is_floating(value.dtype()), "[{}] inputs, expected floating dtypes, got {}", name,
                 dtype_name(value.dtype()));
  const Value error = loss_error(widened(in[0]), widened(in[1]), name);
  const Value given = widened(variance_of(in[0], in[2]));
  const Value var = maximum(given, given.graph().scalar(eps, given.dtype()));
  Value loss = 0.5 * (log(var) + square(error) / var);
  if (attrs.boolean("full")) loss = loss + 0.5 * std::log(2 * std::numbers::pi);
  return {cast(reduce_loss(loss, attrs, name), promote(in[0].dtype(), in[1].dtype()))};
}

std::vector<Sample> samples() {
  const auto sample = [](const Shape& shape, const Shape& var, AttrList attrs = {}) {
    return Sample{.inputs = {{.shape = shape, .lo = -2, .hi = 2},
                             {.shape = shape, .lo = -2, .hi = 2},
                             {.shape = var, .lo = 0.3, .hi = 2}},
                  .attrs = std::move(attrs)};
  };
  std::vector<Sample> list{sample({3, 5}, {3, 5}),
                           sample({3, 5}, {3, 1}, {{"full", true}}),
                           sample({3, 5}, {3}, {{"reduction", "none"}}),
                           sample({2, 3, 7}, {2, 3, 7}, {{"reduction", "sum"}, {"eps", 0.1}}),
                           sample({}, {}),
                           sample({1}, {1}),
                           sample({0, 3}, {0, 3}, {{"reduction", "sum"}}),
                           sample({33}, {33}),
                           sample({1024, 1024}, {1024, 1024})};
  list.back().bench = true;
  return list;
}

}  // namespace

OpDef gaussian_nll_loss_op() {
  return {.name = "gaussian_nll_loss",
          .doc =
              "(log(var) + (input - target)^2 / var) / 2, var being at least eps (below it no "
              "gradient reaches var); full adds log(2 pi) / 2. var has input's shape, or 1 or "
              "nothing for its last dim",
          .inputs = {{"input"}, {"target"}, {"var"}},
          .attributes = {{"full", AttrType::boolean, false},
                         {"eps", AttrType::real, 1e-6},
                         reduction_attribute()},
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
