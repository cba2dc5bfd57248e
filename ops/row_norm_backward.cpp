// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "ops/composite_gradient.h"
#include "ops/cpu_variants.h"
#include "ops/cuda_variants.h"
#include "ops/onednn_variant.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/row_norm.h"
#include "ops/support.h"

namespace gradus {
namespace {

enum Input { dy_in, x_in, mean_in, rstd_in, weight_in };

kernels::RowNormShape shape_of(const Shape& rstd, const Attrs& attrs) {
  return {rstd.numel(), attrs.integer("cols"), attrs.integer("period"), attrs.integer("inner")};
}

void check_statistic(const InferArgs& args, size_t position, std::string_view name, int64_t numel) {
  if (!args.has(position)) return;
  const TensorSpec& given = args.in[position];
  const DType x = args.in[x_in].dtype;
  GRADUS_CHECK(given.numel() == numel && fits_statistics(given.dtype, x),
               "[{}] '{}', expected {} {} values, got {}", args.op, name, numel,
               dtype_name(statistics_dtype(x)), to_string(given));
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec& x = args.in[x_in];
  GRADUS_CHECK(args.in[dy_in] == x, "[{}] grad_output, expected {}, got {}", args.op, to_string(x),
               to_string(args.in[dy_in]));
  const kernels::RowNormShape shape = shape_of(args.in[rstd_in].shape, args.attrs);
  GRADUS_CHECK(shape.cols >= 0 && shape.period > 0 && shape.inner > 0 &&
                   shape.cols % shape.inner == 0 && shape.rows % shape.period == 0,
               "[{}] attributes, expected inner to divide cols and period to divide {} rows, got "
               "cols {}, period {}, inner {}",
               args.op, shape.rows, shape.cols, shape.period, shape.inner);
  const Shape matrix{shape.rows, shape.cols};
  GRADUS_CHECK(matrix.numel() == x.numel(), "[{}] input, expected {} elements, got {}", args.op,
               matrix.numel(), to_string(x));
  check_statistic(args, rstd_in, "rstd", shape.rows);
  check_statistic(args, mean_in, "mean", shape.rows);
  TensorSpec weight{x.dtype, {0}};
  if (args.has(weight_in)) {
    weight = {args.in[weight_in].dtype, args.in[weight_in].shape};
    GRADUS_CHECK(weight.numel() == Shape({shape.period, shape.cols / shape.inner}).numel(),
                 "[{}] weight, expected {} elements, got {}", args.op, shape.weights(),
                 to_string(weight));
  }
  return {x, weight, weight};
}

kernels::RowNormBackwardArgs bind(const RunArgs& args) {
  const bool weighted = args.has(weight_in);
  return {args.in[x_in].dtype,
          args.in[dy_in].data,
          args.in[x_in].data,
          args.has(mean_in) ? args.in[mean_in].data : nullptr,
          args.in[rstd_in].data,
          weighted ? args.in[weight_in].data : nullptr,
          args.out[0].data,
          weighted ? args.out[1].data : nullptr,
          weighted ? args.out[2].data : nullptr,
          shape_of(args.in[rstd_in].shape, args.attrs),
          args.workspace};
}

int64_t workspace(const KernelQuery& query) {
  if (!query.has(weight_in)) return 0;
  return kernels::row_norm_backward_workspace(shape_of(query.in[rstd_in].shape, query.attrs));
}

template <class>
void run_cuda(const RunArgs& args) {
  const auto of = [&](Input input) {
    return args.has(input) ? args.in[input].dtype : args.in[x_in].dtype;
  };
  const DType weight = of(weight_in);
  kernels::row_norm_backward_cuda(bind(args), {weight, weight, of(mean_in), of(rstd_in)},
                                  args.stream);
}

template <class>
int64_t cuda_workspace(const KernelQuery& query) {
  if (!query.has(weight_in)) return 0;
  return kernels::row_norm_backward_cuda_workspace(shape_of(query.in[rstd_in].shape, query.attrs));
}

std::vector<Value> grad(GradArgs& args) {
  return composite_gradients(args, [&args](const std::vector<Value>& in) {
    const kernels::RowNormShape s = shape_of(in[rstd_in].shape(), args.attrs);
    const Shape matrix{s.rows, s.cols}, column{s.rows, 1};
    const Shape by_weight{s.rows / s.period, s.weights(), s.inner};
    const Value dy = widened(reshape(in[dy_in], matrix)), rstd = reshape(in[rstd_in], column);
    Value h = widened(reshape(in[x_in], matrix));
    if (in[mean_in]) h = h - reshape(in[mean_in], column);
    h = h * rstd;
    Value g = dy;
    if (in[weight_in]) {
      const Value weight = widened(reshape(in[weight_in], {1, s.weights(), 1}));
      g = dy * reshape(expand(weight, by_weight), matrix);
    }
    Value dx = g - h * mean(g * h, {1}, true);
    if (in[mean_in]) dx = dx - mean(g, {1}, true);
    std::vector<Value> result{cast(reshape(dx * rstd, in[x_in].shape()), in[x_in].dtype()), {}, {}};
    if (!in[weight_in]) return result;
    const auto of_weight = [&](Value v) {
      const Value total = sum(reshape(v, by_weight), {0, 2});
      return cast(reshape(total, in[weight_in].shape()), in[weight_in].dtype());
    };
    result[1] = of_weight(dy * h);
    result[2] = of_weight(dy);
    return result;
  });
}

std::vector<Sample> samples() {
  const auto rows = [](const Shape& x, const Shape& statistics, bool centred, bool weighted,
                       const Shape& weight, AttrList attrs) {
    const SampleInput positive{.shape = statistics, .lo = 0.5, .hi = 2};
    return Sample{.inputs = {{.shape = x},
                             {.shape = x},
                             centred ? SampleInput{.shape = statistics} : SampleInput::absent(),
                             positive,
                             weighted ? SampleInput{.shape = weight} : SampleInput::absent()},
                  .attrs = std::move(attrs)};
  };
  std::vector<Sample> list{
      rows({3, 7}, {3, 1}, true, true, {7}, {{"cols", 7}}),
      rows({2, 2, 5}, {2, 2, 1}, false, true, {5}, {{"cols", 5}}),
      rows({3, 4}, {3, 1}, true, false, {}, {{"cols", 4}}),
      rows({3, 4}, {3, 1}, false, false, {}, {{"cols", 4}}),
      rows({2, 4, 3}, {2, 2}, true, true, {4}, {{"cols", 6}, {"period", 2}, {"inner", 3}}),
      rows({1, 1}, {1, 1}, true, true, {1}, {{"cols", 1}}),
      rows({0, 4}, {0, 1}, true, true, {4}, {{"cols", 4}}),
      rows({70, 5}, {70, 1}, true, true, {5}, {{"cols", 5}}),
      rows({2, 4, 35}, {2, 2}, true, true, {4}, {{"cols", 70}, {"period", 2}, {"inner", 35}}),
      rows({4096, 1024}, {4096, 1}, true, true, {1024}, {{"cols", 1024}})};
  list.back().bench = true;
  return list;
}

}  // namespace

OpDef row_norm_backward_op() {
  return {.name = "row_norm_backward",
          .doc =
              "the gradients of layer_norm, rms_norm (no mean) and group_norm from their saved "
              "statistics, over rows of cols elements; row r shares its weights with row r + "
              "period, and inner neighbours share one. Without weight the last two are empty",
          .inputs = {{"grad_output"},
                     {"input"},
                     {"mean", InputKind::optional},
                     {"rstd"},
                     {"weight", InputKind::optional}},
          .outputs = {"grad_input", "grad_weight", "grad_bias"},
          .attributes = {{"cols", AttrType::integer, {}, true},
                         {"period", AttrType::integer, 1},
                         {"inner", AttrType::integer, 1}},
          .infer = infer,
          .grad = grad,
          .cpu = with_onednn<bind>(
              cpu_variants<bind, kernels::row_norm_backward_avx512, kernels::row_norm_backward_avx2,
                           kernels::row_norm_backward_cpu>(workspace)),
          .cuda = cuda_variants([](auto tag) {
            using Tag = decltype(tag);
            return std::vector<KernelVariant>{{"rows", run_cuda<Tag>, cuda_workspace<Tag>}};
          }),
          .autocast = AutocastClass::full_precision,
          .samples = samples,
          .cost = [](const KernelQuery& query) {
            return Cost{12.0 * static_cast<double>(query.in[x_in].numel()), least_bytes(query)};
          }};
}

}  // namespace gradus
