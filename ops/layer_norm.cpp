// SPDX-License-Identifier: Apache-2.0
#include "ops/cpu_variants.h"
#include "ops/onednn_variant.h"
#include "ops/op_list.h"
#include "ops/row_norm.h"
#include "ops/support.h"

namespace gradus {
namespace {

constexpr RowNormPlaces places{.weight = 1, .bias = 2, .mean = 1, .rstd = 2};

int normalized_dims(const Attrs& attrs) {
  return static_cast<int>(attrs.integers("normalized_shape").size());
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec& x = args.in[0];
  const Shape normalized = normalized_shape(args);
  check_affine(args, 1, "weight", normalized);
  check_affine(args, 2, "bias", normalized);
  const TensorSpec statistics{statistics_dtype(x.dtype),
                              statistics_shape(x.shape, normalized.rank())};
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
          trailing_rows(args.in[0].shape, normalized_dims(args.attrs)),
          args.attrs.real("eps")};
}

std::vector<Value> grad(GradArgs& args) {
  return row_norm_gradients(args, trailing_rows(args.in[0].shape(), normalized_dims(args.attrs)),
                            places);
}

std::vector<Sample> samples() {
  const auto over = [](AttrValue::Integers sizes, double eps = 1e-5) {
    return AttrList{{"normalized_shape", std::move(sizes)}, {"eps", eps}};
  };
  return {
      {.inputs = {{.shape = {3, 7}}, {.shape = {7}}, {.shape = {7}}}, .attrs = over({7})},
      {.inputs = {{.shape = {2, 3, 4}}, {.shape = {3, 4}}, {.shape = {3, 4}}},
       .attrs = over({3, 4}, 0.1)},
      {.inputs = {{.shape = {3, 5}}}, .attrs = over({5})},
      {.inputs = {{.shape = {3, 5}}, {.shape = {5}}}, .attrs = over({5})},
      {.inputs = {{.shape = {3, 5}}, SampleInput::absent(), {.shape = {5}}}, .attrs = over({5})},
      {.inputs = {{.shape = {1, 1}}, {.shape = {1}}, {.shape = {1}}}, .attrs = over({1})},
      {.inputs = {{.shape = {0, 4}}, {.shape = {4}}, {.shape = {4}}}, .attrs = over({4})},
      {.inputs = {{.shape = {67, 19}}, {.shape = {19}}, {.shape = {19}}}, .attrs = over({19})},
      {.inputs = {{.shape = {4096, 1024}}, {.shape = {1024}}, {.shape = {1024}}},
       .attrs = over({1024}),
       .bench = true}};
}

}  // namespace

OpDef layer_norm_op() {
  return {.name = "layer_norm",
          .doc =
              "(x - mean) * rstd * weight + bias over the last dims (normalized_shape), with "
              "rstd = 1 / sqrt(var + eps); mean and rstd are outputs too",
          .inputs = {{"input"}, {"weight", InputKind::optional}, {"bias", InputKind::optional}},
          .outputs = {"output", "mean", "rstd"},
          .extra_outputs = 2,
          .attributes = {{"normalized_shape", AttrType::integers, {}, true},
                         {"eps", AttrType::real, 1e-5}},
          .infer = infer,
          .grad = grad,
          .cpu = with_onednn<bind>(cpu_variants<bind, kernels::row_norm_avx512,
                                                kernels::row_norm_avx2, kernels::row_norm_cpu>()),
          .cuda = row_norm_cuda_variants<bind, places>(),
          .aliases = {{0, 0}},
          .autocast = AutocastClass::full_precision,
          .samples = samples,
          .cost = [](const KernelQuery& query) {
            return Cost{8.0 * static_cast<double>(query.in[0].numel()), least_bytes(query)};
          }};
}

}  // namespace gradus
