// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "engine/base/error.h"
#include "ops/batch_norm.h"
#include "ops/composite_gradient.h"
#include "ops/cpu_variants.h"
#include "ops/onednn_variant.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/row_norm.h"
#include "ops/support.h"

namespace gradus {
namespace {

enum Input { dy_in, x_in, mean_in, rstd_in, weight_in };

std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec& x = args.in[x_in];
  GRADUS_CHECK(args.in[dy_in] == x, "[{}] grad_output, expected {}, got {}", args.op, to_string(x),
               to_string(args.in[dy_in]));
  GRADUS_CHECK(x.shape.rank() >= 2, "[{}] input, expected rank 2 or more, got {}", args.op,
               to_string(x));
  const bool last = args.attrs.boolean("channels_last");
  const TensorSpec statistics{statistics_dtype(x.dtype), {x.shape[last ? x.shape.rank() - 1 : 1]}};
  for (const Input k : {mean_in, rstd_in})
    GRADUS_CHECK(args.in[k].shape == statistics.shape && fits_statistics(args.in[k].dtype, x.dtype),
                 "[{}] statistics, expected {}, got {}", args.op, to_string(statistics),
                 to_string(args.in[k]));
  check_affine(args, weight_in, "weight", statistics.shape);
  return {x, statistics, statistics};
}

kernels::BatchNormBackwardArgs bind(const RunArgs& args) {
  return {args.in[x_in].dtype,
          args.in[dy_in].data,
          args.in[x_in].data,
          args.in[mean_in].data,
          args.in[rstd_in].data,
          args.has(weight_in) ? args.in[weight_in].data : nullptr,
          args.out[0].data,
          args.out[1].data,
          args.out[2].data,
          batch_norm_shape(args.in[x_in].shape, args.attrs.boolean("channels_last")),
          args.attrs.boolean("training"),
          args.workspace};
}

std::vector<Value> grad(GradArgs& args) {
  return composite_gradients(args, [&args](const std::vector<Value>& in) {
    const Shape& shape = in[x_in].shape();
    const kernels::BatchNormShape s = batch_norm_shape(shape, args.attrs.boolean("channels_last"));
    const Shape flat{s.batch, s.channels, s.space}, channel{1, s.channels, 1};
    const Value dy = widened(reshape(in[dy_in], flat));
    const Value mean_c = reshape(in[mean_in], channel), rstd = reshape(in[rstd_in], channel);
    const Value h = (widened(reshape(in[x_in], flat)) - mean_c) * rstd;
    // A batch without elements has no mean, and needs none.
    const double share = 1.0 / static_cast<double>(std::max<int64_t>(s.count(), 1));
    const auto average = [&](Value x) { return sum(x, {0, 2}, true) * share; };
    Value d = dy;
    if (args.attrs.boolean("training")) d = dy - average(dy) - h * average(dy * h);
    Value scale = rstd;
    if (in[weight_in]) scale = rstd * widened(reshape(in[weight_in], channel));
    return std::vector<Value>{cast(reshape(d * scale, shape), in[x_in].dtype()),
                              sum(dy * h, {0, 2}), sum(dy, {0, 2})};
  });
}

std::vector<Sample> samples() {
  const auto make = [](const Shape& x, bool weighted, AttrList attrs) {
    const bool last = std::ranges::any_of(
        attrs, [](const NamedAttr& attr) { return attr.first == "channels_last"; });
    const Shape size{x[last ? x.rank() - 1 : 1]};
    const SampleInput channels{.shape = size}, positive{.shape = size, .lo = 0.5, .hi = 2};
    return Sample{.inputs = {{.shape = x},
                             {.shape = x},
                             channels,
                             positive,
                             weighted ? channels : SampleInput::absent()},
                  .attrs = std::move(attrs)};
  };
  const AttrList last{{"channels_last", true}};
  std::vector<Sample> list{make({3, 2, 5}, true, {}),
                           make({3, 2, 5}, true, {{"training", false}}),
                           make({5, 3}, false, {}),
                           make({2, 3, 2, 3}, false, {{"training", false}}),
                           make({1, 1, 1}, true, {}),
                           make({0, 3, 2}, true, {}),
                           make({3, 2, 37}, true, {}),
                           make({37, 19}, true, {}),
                           make({3, 2, 5, 4}, true, last),
                           make({9, 13, 11, 37}, true, last),
                           make({64, 28, 28, 32}, true, last),
                           make({64, 32, 28, 28}, true, {})};
  list[list.size() - 3].grad = list[list.size() - 3].second = false;  // too many for differences
  list.back().bench = list[list.size() - 2].bench = true;
  return list;
}

// oneDNN adds a channel in one float: over 50,000 values that was 1e-5 off.
bool sums_are_short(const KernelQuery& query) {
  const Shape& x = query.in[x_in].shape;
  return x.numel() / std::max<int64_t>(1, query.in[mean_in].shape.numel()) <= 1 << 14;
}

}  // namespace

OpDef batch_norm_backward_op() {
  return {
      .name = "batch_norm_backward",
      .doc =
          "the gradients of batch_norm from the mean and rstd it used; training: these are "
          "the batch's own, so dx = weight * rstd * (dy - average(dy) - h * average(dy * h)) "
          "with h = (x - mean) * rstd",
      .inputs = {{"grad_output"},
                 {"input"},
                 {"save_mean"},
                 {"save_rstd"},
                 {"weight", InputKind::optional}},
      .outputs = {"grad_input", "grad_weight", "grad_bias"},
      .attributes = {{"training", AttrType::boolean, true},
                     {"channels_last", AttrType::boolean, false}},
      .infer = infer,
      .grad = grad,
      .cpu = with_onednn<bind, sums_are_short>(
          cpu_variants<bind, kernels::batch_norm_backward_avx512, kernels::batch_norm_backward_avx2,
                       kernels::batch_norm_backward_cpu, batch_norm_lanes_fit<x_in>>(
              batch_norm_lanes_workspace<x_in>)),
      .autocast = AutocastClass::full_precision,
      .samples = samples,
      .cost = [](const KernelQuery& query) {
        return Cost{10.0 * static_cast<double>(query.in[x_in].numel()), least_bytes(query)};
      }};
}

}  // namespace gradus
