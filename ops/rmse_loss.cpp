// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "ops/loss.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/row_norm.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs&) {
  // A norm, whose sum of squares is in f64 and whose gradient is 0 where all errors are.
  const Value error = loss_error(widened(in[0]), widened(in[1]), "rmse_loss");
  const double count = static_cast<double>(error.shape().numel());
  const DType dtype =
      is_floating(in[1].dtype()) ? promote(in[0].dtype(), in[1].dtype()) : in[0].dtype();
  return {cast(apply1("norm", {error}, {{"p", 2}}) / std::sqrt(count), dtype)};
}

std::vector<Sample> samples() {
  const auto sample = [](const Shape& input, const Shape& target, bool bench = false) {
    return Sample{
        .inputs = {{.shape = input, .lo = -2, .hi = 2}, {.shape = target, .lo = -2, .hi = 2}},
        .bench = bench};
  };
  std::vector<Sample> list{
      sample({3, 5}, {3, 5}), sample({3, 5}, {5}),    sample({5}, {3, 1}),
      sample({}, {}),         sample({1}, {1}),       sample({0, 3}, {0, 3}),
      sample({33}, {33}),     sample({2, 3, 7}, {7}), sample({1024, 1024}, {1024, 1024}, true)};
  list[5].second = false;  // NaN: the mean of nothing
  return list;
}

}  // namespace

OpDef rmse_loss_op() {
  return {.name = "rmse_loss",
          .doc = "sqrt(mean((input - target)^2)); gradient 0 where every error is 0",
          .inputs = {{"input"}, {"target"}},
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
