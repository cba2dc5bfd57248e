// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "ops/cpu_variants.h"
#include "ops/op_list.h"
#include "ops/row_norm.h"
#include "ops/support.h"

namespace gradus {
namespace {

constexpr RowNormPlaces places{.weight = 1, .bias = -1, .mean = -1, .rstd = 1};

int normalized_dims(const Attrs& attrs) {
  return static_cast<int>(attrs.integers("normalized_shape").size());
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec& x = args.in[0];
  const Shape normalized = normalized_shape(args);
  check_affine(args, 1, "weight", normalized);
  return {x, {statistics_dtype(x.dtype), statistics_shape(x.shape, normalized.rank())}};
}

// eps none: the epsilon of the dtype computed in (f32 for reduced floats), as PyTorch.
double epsilon(const RunArgs& args) {
  if (args.attrs.has("eps")) return args.attrs.real("eps");
  return args.in[0].dtype == DType::f64 ? std::numeric_limits<double>::epsilon()
                                        : double{std::numeric_limits<float>::epsilon()};
}

kernels::RowNormArgs bind(const RunArgs& args) {
  return {args.in[0].dtype,
          args.in[0].data,
          args.has(1) ? args.in[1].data : nullptr,
          nullptr,
          args.out[0].data,
          nullptr,
          args.out[1].data,
          trailing_rows(args.in[0].shape, normalized_dims(args.attrs)),
          epsilon(args)};
}

std::vector<Value> grad(GradArgs& args) {
  return row_norm_gradients(args, trailing_rows(args.in[0].shape(), normalized_dims(args.attrs)),
                            places);
}

std::vector<Sample> samples() {
  const auto over = [](AttrValue::Integers sizes, AttrValue eps = {}) {
    return AttrList{{"normalized_shape", std::move(sizes)}, {"eps", std::move(eps)}};
  };
  return {{.inputs = {{.shape = {3, 7}}, {.shape = {7}}}, .attrs = over({7})},
          {.inputs = {{.shape = {2, 3, 4}}, {.shape = {3, 4}}}, .attrs = over({3, 4}, 0.1)},
          {.inputs = {{.shape = {3, 5}}}, .attrs = over({5}, 1e-3)},
          {.inputs = {{.shape = {1, 1}, .lo = 0.5}, {.shape = {1}}}, .attrs = over({1})},
          {.inputs = {{.shape = {0, 4}}, {.shape = {4}}}, .attrs = over({4})},
          {.inputs = {{.shape = {67, 19}}, {.shape = {19}}}, .attrs = over({19})},
          {.inputs = {{.shape = {4096, 1024}}, {.shape = {1024}}},
           .attrs = over({1024}),
           .bench = true}};
}

}  // namespace

OpDef rms_norm_op() {
  return {
      .name = "rms_norm",
      .doc =
          "x * rstd * weight over the last dims (normalized_shape), with rstd = 1 / "
          "sqrt(average(x^2) + eps), an output too; eps none: the dtype's epsilon",
      .inputs = {{"input"}, {"weight", InputKind::optional}},
      .outputs = {"output", "rstd"},
      .extra_outputs = 1,
      .attributes = {{"normalized_shape", AttrType::integers, {}, true}, {"eps", AttrType::real}},
      .infer = infer,
      .grad = grad,
      .cpu = cpu_variants<bind, kernels::row_norm_avx512, kernels::row_norm_avx2,
                          kernels::row_norm_cpu>(),
      .cuda = row_norm_cuda_variants<bind, places>(),
      .aliases = {{0, 0}},
      .autocast = AutocastClass::full_precision,
      .samples = samples,
      .cost = [](const KernelQuery& query) {
        return Cost{5.0 * static_cast<double>(query.in[0].numel()), least_bytes(query)};
      }};
}

}  // namespace gradus
