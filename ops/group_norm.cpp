// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "ops/cpu_variants.h"
#include "ops/op_list.h"
#include "ops/row_norm.h"
#include "ops/support.h"

namespace gradus {
namespace {

constexpr RowNormPlaces places{.weight = 1, .bias = 2, .mean = 1, .rstd = 2};

// x is (batch, channels, space...).
kernels::RowNormShape rows_of(const Shape& x, int64_t groups) {
  const int64_t space = x.product(2, x.rank());
  return {x[0] * groups, x[1] / groups * space, groups, space};
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec& x = args.in[0];
  const int64_t groups = args.attrs.integer("num_groups");
  GRADUS_CHECK(x.shape.rank() >= 2, "[group_norm] input, expected rank 2 or more, got {}",
               to_string(x));
  const int64_t channels = x.shape[1];
  GRADUS_CHECK(groups > 0 && channels > 0 && channels % groups == 0,
               "[group_norm] attribute 'num_groups', expected a divisor of {} channels, got {}",
               channels, groups);
  GRADUS_CHECK(x.shape.product(2, x.shape.rank()) > 0,
               "[group_norm] input, expected dims after the second of 1 or more, got {}",
               to_string(x));
  const kernels::RowNormShape rows = rows_of(x.shape, groups);
  GRADUS_CHECK(x.shape[0] * rows.cols != 1,
               "[group_norm] input, expected more than one value per channel, got {}",
               to_string(x));
  check_affine(args, 1, "weight", {channels});
  check_affine(args, 2, "bias", {channels});
  const TensorSpec statistics{statistics_dtype(x.dtype), {x.shape[0], groups}};
  return {x, statistics, statistics};
}

kernels::RowNormArgs bind(const RunArgs& args) {
  return {args.in[0].dtype,
          args.in[0].data,
          args.has(1) ? args.in[1].data : nullptr,
          args.has(2) ? args.in[2].data : nullptr,
          args.out[0].data,
          args.out[1].data,
          args.out[2].data,
          rows_of(args.in[0].shape, args.attrs.integer("num_groups")),
          args.attrs.real("eps")};
}

std::vector<Value> grad(GradArgs& args) {
  return row_norm_gradients(args, rows_of(args.in[0].shape(), args.attrs.integer("num_groups")),
                            places);
}

std::vector<Sample> samples() {
  const auto groups = [](int64_t count, double eps = 1e-5) {
    return AttrList{{"num_groups", count}, {"eps", eps}};
  };
  return {
      {.inputs = {{.shape = {2, 6, 3}}, {.shape = {6}}, {.shape = {6}}}, .attrs = groups(2)},
      {.inputs = {{.shape = {2, 4, 3, 5}}, {.shape = {4}}, {.shape = {4}}},
       .attrs = groups(4, 0.1)},
      {.inputs = {{.shape = {3, 6}}}, .attrs = groups(3)},
      {.inputs = {{.shape = {3, 4, 2}}, {.shape = {4}}}, .attrs = groups(1)},
      {.inputs = {{.shape = {3, 4, 2}}, SampleInput::absent(), {.shape = {4}}}, .attrs = groups(2)},
      {.inputs = {{.shape = {1, 1, 2}}, {.shape = {1}}, {.shape = {1}}}, .attrs = groups(1)},
      {.inputs = {{.shape = {0, 4, 2}}, {.shape = {4}}, {.shape = {4}}}, .attrs = groups(2)},
      {.inputs = {{.shape = {3, 6, 37}}, {.shape = {6}}, {.shape = {6}}}, .attrs = groups(2)},
      {.inputs = {{.shape = {32, 64, 32, 32}}, {.shape = {64}}, {.shape = {64}}},
       .attrs = groups(32),
       .bench = true}};
}

}  // namespace

OpDef group_norm_op() {
  return {
      .name = "group_norm",
      .doc =
          "(x - mean) * rstd * weight + bias, the statistics over each of num_groups groups "
          "of channels of each sample; mean and rstd (batch, groups) are outputs too",
      .inputs = {{"input"}, {"weight", InputKind::optional}, {"bias", InputKind::optional}},
      .outputs = {"output", "mean", "rstd"},
      .extra_outputs = 2,
      .attributes = {{"num_groups", AttrType::integer, {}, true}, {"eps", AttrType::real, 1e-5}},
      .infer = infer,
      .grad = grad,
      .cpu = cpu_variants<bind, kernels::row_norm_avx512, kernels::row_norm_avx2,
                          kernels::row_norm_cpu>(),
      .cuda = row_norm_cuda_variants<bind, places>(),
      .aliases = {{0, 0}},
      .autocast = AutocastClass::full_precision,
      .samples = samples,
      .cost = [](const KernelQuery& query) {
        return Cost{8.0 * static_cast<double>(query.in[0].numel()), least_bytes(query)};
      }};
}

}  // namespace gradus
