// SPDX-License-Identifier: Apache-2.0
#include "ops/batch_norm.h"

#include <algorithm>

#include "engine/base/error.h"
#include "ops/cpu_variants.h"
#include "ops/onednn_variant.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/row_norm.h"
#include "ops/support.h"

namespace gradus {
namespace {

enum Input { x_in, running_mean_in, running_var_in, weight_in, bias_in };
enum Output { y_out, running_mean_out, running_var_out, mean_out, rstd_out };

std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec& x = args.in[x_in];
  GRADUS_CHECK(x.shape.rank() >= 2, "[{}] input, expected rank 2 or more, got {}", args.op,
               to_string(x));
  return batch_norm_outputs(args, batch_norm_shape(x.shape, args.attrs.boolean("channels_last")));
}

kernels::BatchNormArgs bind(const RunArgs& args) {
  const auto in = [&](size_t i) -> const void* { return args.has(i) ? args.in[i].data : nullptr; };
  return {args.in[x_in].dtype,
          in(x_in),
          in(running_mean_in),
          in(running_var_in),
          in(weight_in),
          in(bias_in),
          args.out[y_out].data,
          args.out[running_mean_out].data,
          args.out[running_var_out].data,
          args.out[mean_out].data,
          args.out[rstd_out].data,
          batch_norm_shape(args.in[x_in].shape, args.attrs.boolean("channels_last")),
          args.attrs.boolean("training"),
          args.attrs.real("momentum"),
          args.attrs.real("eps"),
          args.workspace};
}

// What the statistics as outputs add to dx. With n values a channel: mean's derivative is 1 / n,
// the variance's 2 (x - mean) / n, the unbiased one's n / (n - 1) of that, rstd's -rstd^3 / 2 of
// it.
Value statistics_gradient(GradArgs& args) {
  const Value x = args.in[x_in];
  const bool last = args.attrs.boolean("channels_last");
  const double count = static_cast<double>(batch_norm_shape(x.shape(), last).count());
  const double momentum = args.attrs.real("momentum");
  const auto plus = [](Value a, Value b) { return a && b ? a + b : a ? a : b; };
  const auto dout = [&](Output k) {
    const Value gradient = args.dout[k];  // without elements: there are no running statistics
    return gradient && gradient.spec().numel() > 0 ? widened(gradient) : Value();
  };
  Value dmean = dout(mean_out), dvariance;
  const bool running = args.has(running_mean_in);  // without, those outputs are empty
  const Value next_mean = running ? dout(running_mean_out) : Value();
  const Value next_var = running ? dout(running_var_out) : Value();
  if (next_mean) dmean = plus(dmean, next_mean * momentum);
  if (next_var) dvariance = next_var * (momentum * count / (count - 1));
  const Value rstd = args.out[rstd_out];
  if (const Value drstd = dout(rstd_out))
    dvariance = plus(dvariance, drstd * (rstd * square(rstd)) * -0.5);
  Value sum;
  if (dmean) sum = per_channel(dmean / count, x.shape(), last);
  if (dvariance)
    sum = plus(sum, (widened(x) - per_channel(args.out[mean_out], x.shape(), last)) *
                        per_channel(dvariance * (2 / count), x.shape(), last));
  return sum ? cast(expand(sum, x.shape()), x.dtype()) : Value();
}

std::vector<Value> grad(GradArgs& args) {
  const Value x = args.in[x_in], weight = args.in[weight_in], bias = args.in[bias_in];
  std::vector<Value> result(args.in.size());
  const bool training = args.attrs.boolean("training") && x.spec().numel() > 0;
  if (training) result[x_in] = statistics_gradient(args);
  if (!args.dout[y_out]) return result;
  const std::vector<Value> parts = apply(
      "batch_norm_backward", {args.dout[y_out], x, args.out[mean_out], args.out[rstd_out], weight},
      {{"training", args.attrs.boolean("training")},
       {"channels_last", args.attrs.boolean("channels_last")}});
  result[x_in] = result[x_in] ? result[x_in] + parts[0] : parts[0];
  if (weight) result[weight_in] = cast(parts[1], weight.dtype());
  if (bias) result[bias_in] = cast(parts[2], bias.dtype());
  return result;
}

std::vector<Sample> samples() {
  const auto make = [](const Shape& x, bool running, bool affine, AttrList attrs) {
    const bool last = std::ranges::any_of(
        attrs, [](const NamedAttr& attr) { return attr.first == "channels_last"; });
    const Shape size{x[last ? x.rank() - 1 : 1]};
    const SampleInput channels{.shape = size}, positive{.shape = size, .lo = 0.5, .hi = 2};
    const SampleInput absent = SampleInput::absent();
    return Sample{.inputs = {{.shape = x},
                             running ? channels : absent,
                             running ? positive : absent,
                             affine ? channels : absent,
                             affine ? channels : absent},
                  .attrs = std::move(attrs)};
  };
  const AttrList last{{"training", true}, {"channels_last", true}};
  std::vector<Sample> list{make({3, 2, 5}, true, true, {{"training", true}}),
                           make({3, 2, 5}, true, true, {{"training", false}, {"eps", 0.1}}),
                           make({5, 3}, true, true, {{"training", true}, {"momentum", 0.3}}),
                           make({5, 3}, true, false, {}),
                           make({2, 3, 2, 3}, false, false, {{"training", true}, {"eps", 0.01}}),
                           make({3, 2, 5}, false, true, {{"training", true}}),
                           make({1, 1, 1}, true, true, {}),
                           make({0, 3, 2}, true, true, {{"training", true}}),
                           make({3, 2, 37}, true, true, {{"training", true}}),
                           make({37, 19}, true, true, {{"training", true}}),
                           make({3, 2, 5, 4}, true, true, last),
                           make({3, 2, 5, 4}, true, false, {{"channels_last", true}}),
                           make({9, 13, 11, 37}, true, true, last),
                           make({64, 28, 28, 32}, true, true, last),
                           make({64, 32, 28, 28}, true, true, {{"training", true}})};
  list[list.size() - 3].grad = list[list.size() - 3].second = false;  // too many for differences
  list.back().bench = list[list.size() - 2].bench = true;
  return list;
}

}  // namespace

std::vector<InputSpec> batch_norm_inputs() {
  return {{"input"},
          {"running_mean", InputKind::optional, false},
          {"running_var", InputKind::optional, false},
          {"weight", InputKind::optional},
          {"bias", InputKind::optional}};
}

std::vector<AttrSpec> batch_norm_attributes() {
  return {{"training", AttrType::boolean, false},
          {"momentum", AttrType::real, 0.1},
          {"eps", AttrType::real, 1e-5}};
}

std::vector<TensorSpec> batch_norm_outputs(const InferArgs& args,
                                           const kernels::BatchNormShape& shape) {
  const TensorSpec& x = args.in[x_in];
  const bool training = args.attrs.boolean("training"), running = args.has(running_mean_in);
  GRADUS_CHECK(running == args.has(running_var_in),
               "[{}] expected running_mean and running_var both or neither", args.op);
  GRADUS_CHECK(training || running, "[{}] without training, expected running_mean and running_var",
               args.op);
  GRADUS_CHECK(!training || shape.count() != 1,
               "[{}] training, expected more than one value per channel, got {}", args.op,
               to_string(x));
  const double eps = args.attrs.real("eps");
  GRADUS_CHECK(training ? !(eps <= 0) : !(eps < 0),
               "[{}] attribute 'eps', expected more than 0 in training, else 0 or more, got {}",
               args.op, eps);
  const Shape channels{shape.channels};
  check_affine(args, running_mean_in, "running_mean", channels);
  check_affine(args, running_var_in, "running_var", channels);
  check_affine(args, weight_in, "weight", channels);
  check_affine(args, bias_in, "bias", channels);
  const TensorSpec statistics{statistics_dtype(x.dtype), channels}, none{statistics.dtype, {0}};
  return {x, running ? args.in[running_mean_in] : none, running ? args.in[running_var_in] : none,
          statistics, statistics};
}

kernels::BatchNormShape batch_norm_shape(const Shape& x, bool channels_last) {
  const int rank = x.rank();
  if (channels_last) return {x.product(0, rank - 1), x[rank - 1], 1};
  return {x[0], x[1], x.product(2, rank)};
}

bool batch_norm_fits_lanes(const kernels::BatchNormShape& shape) {
  return shape.space == 1 || shape.space >= 8;
}

Value per_channel(Value values, const Shape& x, bool channels_last) {
  if (channels_last) return values;
  Shape shape{x[1]};
  for (int d = 2; d < x.rank(); ++d) shape.push_back(1);
  return reshape(values, shape);
}

OpDef batch_norm_op() {
  std::vector<AttrSpec> attributes = batch_norm_attributes();
  const AttrSpec channels_last{"channels_last", AttrType::boolean, false};
  attributes.insert(attributes.end(), channels_last);
  return {.name = "batch_norm",
          .doc =
              "(x - mean) * rstd * weight + bias per channel (dim 1; the last with channels_last), "
              "with rstd = 1 / sqrt(var + "
              "eps): of the batch when training, else the running ones. Outputs: the next "
              "running statistics (empty without), and the mean and rstd used",
          .inputs = batch_norm_inputs(),
          .outputs = {"output", "running_mean", "running_var", "save_mean", "save_rstd"},
          .extra_outputs = 4,
          .attributes = attributes,
          .infer = infer,
          .grad = grad,
          .cpu = with_onednn<bind>(
              cpu_variants<bind, kernels::batch_norm_avx512, kernels::batch_norm_avx2,
                           kernels::batch_norm_cpu, batch_norm_lanes_fit<x_in>>(
                  batch_norm_lanes_workspace<x_in>)),
          .aliases = {{y_out, x_in},
                      {running_mean_out, running_mean_in},
                      {running_var_out, running_var_in}},
          .state = {{running_mean_out, running_mean_in}, {running_var_out, running_var_in}},
          .autocast = AutocastClass::full_precision,
          .samples = samples,
          .cost = [](const KernelQuery& query) {
            return Cost{8.0 * static_cast<double>(query.in[x_in].numel()), least_bytes(query)};
          }};
}

}  // namespace gradus
