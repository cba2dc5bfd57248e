// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "ops/batch_norm.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/row_norm.h"

namespace gradus {
namespace {

enum Input { x_in, running_mean_in, running_var_in, weight_in, bias_in };

// (1 - momentum) * running + momentum * (average over the batch of the samples' statistic).
Value next_running(Value running, Value of_samples, double momentum) {
  const Value next = running * (1 - momentum) + mean(of_samples, {0}) * momentum;
  return cast(next, running.dtype());
}

// A value per channel for each channel of each sample; absent stays absent.
Value of_samples(Value value, std::string_view name, int64_t batch, int64_t channels) {
  if (!value) return value;
  GRADUS_CHECK(value.shape() == Shape{channels},
               "[instance_norm] shape of '{}', expected ({}), got {}", name, channels,
               to_string(value.shape()));
  return reshape(expand(value, {batch, channels}), {batch * channels});
}

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const Value x = in[x_in];
  GRADUS_CHECK(x.rank() >= 2, "[instance_norm] input, expected rank 2 or more, got {}",
               to_string(x.spec()));
  const bool running = static_cast<bool>(in[running_mean_in]);
  GRADUS_CHECK(running == static_cast<bool>(in[running_var_in]),
               "[instance_norm] expected running_mean and running_var both or neither");
  const AttrValue eps = attrs.real("eps");
  if (!attrs.boolean("use_input_stats")) {
    GRADUS_CHECK(running,
                 "[instance_norm] without use_input_stats, expected running_mean and running_var");
    const std::vector<Value> out =
        apply("batch_norm", {in.begin(), in.end()}, {{"training", false}, {"eps", eps}});
    return {out[0], in[running_mean_in], in[running_var_in]};
  }
  const int64_t space = batch_norm_shape(x.shape(), false).space, channels = x.shape()[1];
  GRADUS_CHECK(space != 1, "[instance_norm] expected more than one value in space, got {}",
               to_string(x.spec()));
  const int64_t batch = x.shape()[0];
  // Each channel of each sample as a channel of one batch.
  const std::vector<Value> out = apply("batch_norm",
                                       {reshape(x, {1, batch * channels, space}), Value(), Value(),
                                        of_samples(in[weight_in], "weight", batch, channels),
                                        of_samples(in[bias_in], "bias", batch, channels)},
                                       {{"training", true}, {"eps", eps}});
  const Value result = reshape(out[0], x.shape());
  if (!running) return {result};
  const Value means = reshape(out[3], {batch, channels});
  const Value centred =
      widened(reshape(x, {batch, channels, space})) - reshape(means, {batch, channels, 1});
  const Value unbiased = sum(square(centred), {2}) / static_cast<double>(space - 1);
  const double momentum = attrs.real("momentum");
  return {result, next_running(in[running_mean_in], means, momentum),
          next_running(in[running_var_in], unbiased, momentum)};
}

std::vector<Sample> samples() {
  const SampleInput absent = SampleInput::absent(), channels{.shape = {3}};
  const SampleInput positive{.shape = {3}, .lo = 0.5, .hi = 2};
  return {{.inputs = {{.shape = {2, 3, 5}}}},
          {.inputs = {{.shape = {2, 3, 5}}, channels, positive, channels, channels},
           .attrs = {{"momentum", 0.3}, {"eps", 0.1}}},
          {.inputs = {{.shape = {2, 3, 2, 2}}, channels, positive, channels, channels},
           .attrs = {{"use_input_stats", false}}},
          {.inputs = {{.shape = {2, 3, 5}}, absent, absent, channels, absent}},
          {.inputs = {{.shape = {1, 1, 2}}}},
          {.inputs = {{.shape = {1, 1, 1}}, {.shape = {1}}, {.shape = {1}, .lo = 0.5, .hi = 2}},
           .attrs = {{"use_input_stats", false}}},
          {.inputs = {{.shape = {0, 3, 2}}}},
          {.inputs = {{.shape = {32, 64, 32, 32}}}, .bench = true}};
}

}  // namespace

OpDef instance_norm_op() {
  return {.name = "instance_norm",
          .doc =
              "normalises each channel of each sample over its space, then weight and bias per "
              "channel; without use_input_stats by the running statistics. With running "
              "statistics, their next values are outputs",
          .inputs = {{"input"},
                     {"running_mean", InputKind::optional, false},
                     {"running_var", InputKind::optional, false},
                     {"weight", InputKind::optional},
                     {"bias", InputKind::optional}},
          .outputs = {"output", "running_mean", "running_var"},
          .extra_outputs = 2,
          .attributes = {{"use_input_stats", AttrType::boolean, true},
                         {"momentum", AttrType::real, 0.1},
                         {"eps", AttrType::real, 1e-5}},
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
