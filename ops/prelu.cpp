// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "ops/op_list.h"
#include "ops/ops.h"

namespace gradus {
namespace {

// One weight for all, or one per channel (dim 1); inputs of rank 0 and 1 have one channel.
std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec &input = args.in[0], &weight = args.in[1];
  GRADUS_CHECK(weight.dtype == input.dtype, "[prelu] weight, expected {}, got {}",
               dtype_name(input.dtype), dtype_name(weight.dtype));
  GRADUS_CHECK(weight.shape.rank() <= 1, "[prelu] weight, expected rank 0 or 1, got {}",
               to_string(weight.shape));
  const int64_t channels = input.shape.rank() < 2 ? 1 : input.shape[1];
  GRADUS_CHECK(weight.numel() == 1 || weight.numel() == channels,
               "[prelu] weight, expected 1 or {} values, got {}", channels, weight.numel());
  return {input};
}

std::vector<Value> composite(std::span<const Value> in, const Attrs&) {
  const Value x = in[0];
  Shape shape;
  for (int d = 0; d < x.rank(); ++d) shape.push_back(d == 1 ? in[1].shape().numel() : 1);
  if (x.rank() < 2 || in[1].shape().numel() == 1) shape = {};
  // What is positive does not reach the product, whose gradient could be 0 times an infinity.
  const Value positive = x > 0.0, rest = where(positive, zeros_like(x), x);
  return {where(positive, x, reshape(in[1], shape) * rest)};
}

std::vector<Sample> samples() {
  const auto input = [](const Shape& shape) {
    return SampleInput{.shape = shape, .fill = Fill::distinct, .lo = -2, .hi = 2};
  };
  return {{.inputs = {input({3, 5}), {.shape = {5}}}},
          {.inputs = {input({2, 3, 7}), {.shape = {3}}}},
          {.inputs = {input({2, 3, 7}), {.shape = {1}}}},
          {.inputs = {input({7}), {.shape = {1}}}},
          {.inputs = {input({}), {.shape = {}}}},
          {.inputs = {input({1}), {.shape = {1}}}},
          {.inputs = {input({0, 3}), {.shape = {3}}}},
          {.inputs = {input({64, 256, 64}), {.shape = {256}}}, .bench = true}};
}

}  // namespace

OpDef prelu_op() {
  return {
      .name = "prelu",
      .doc =
          "x if x > 0 else weight * x, one weight or one per channel (dim 1); gradient weight at 0",
      .inputs = {{"input"}, {"weight"}},
      .infer = infer,
      .composite = composite,
      .samples = samples};
}

}  // namespace gradus
