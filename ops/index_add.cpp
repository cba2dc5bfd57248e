// SPDX-License-Identifier: Apache-2.0
#include "kernels/index_add.h"

#include <cmath>

#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "ops/cuda_variants.h"
#include "ops/movement.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {
namespace {

void check_alpha(const InferArgs& args) {
  const double alpha = args.attrs.real("alpha");
  GRADUS_CHECK(is_floating(args.in[0].dtype) || std::fabs(alpha) < 128.0,
               "[index_add] attribute 'alpha', expected a number below 128 for {}, got {}",
               dtype_name(args.in[0].dtype), alpha);
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  check_index_dtype(args, 1, "index");
  check_alpha(args);
  const Shape &in = args.in[0].shape, &index = args.in[1].shape;
  const int dim = normalize_dim(args.attrs.integer("dim"), in.rank(), args.op);
  GRADUS_CHECK(index.rank() <= 1, "[index_add] index, expected one dim, got shape {}",
               to_string(index));
  Shape expected = in;
  if (in.rank() > 0) expected[dim] = index.numel();
  const bool scalar = in.rank() == 0 && index.numel() == 1 && args.in[2].numel() == 1;
  const TensorSpec source{args.in[0].dtype, scalar ? args.in[2].shape : expected};
  GRADUS_CHECK(args.in[2] == source && (in.rank() > 0 || scalar),
               "[index_add] input 2 ('source'), expected {}, got {}", to_string(source),
               to_string(args.in[2]));
  return {args.in[0]};
}

kernels::IndexAddArgs kernel_args(const RunArgs& args) {
  const TensorRef &in = args.in[0], &index = args.in[1];
  const DimSplit split = split_at(in.shape, args.attrs.integer("dim"), "index_add");
  return {"index_add",
          in.dtype,
          in.data,
          index_array(index),
          args.in[2].data,
          args.out[0].data,
          split.outer,
          split.dim,
          split.inner,
          index.numel(),
          args.attrs.real("alpha")};
}

void run(const RunArgs& args) { kernels::index_add_cpu(kernel_args(args)); }
void run_blocked(const RunArgs& args) { kernels::index_add_cpu_blocked(kernel_args(args)); }
template <class>
void run_cuda(const RunArgs& args) {
  kernels::index_add_cuda(kernel_args(args), args.stream);
}
template <class>
bool takes(const KernelQuery& query) {
  return kernels::index_add_cuda_takes(query.in[0].dtype);
}

bool blocked_usable(const KernelQuery& query) {
  return query.in[0].dtype == DType::f32 && query.attrs.real("alpha") == 1.0;
}

std::vector<Value> grad(GradArgs& args) {
  const Value dy = args.dout[0];
  const double alpha = args.attrs.real("alpha");
  Value dsource = apply1("index_select", {dy, args.in[1]}, {{"dim", args.attrs.integer("dim")}});
  if (alpha != 1.0) dsource = dsource * alpha;
  return {dy, Value(), reshape(dsource, args.in[2].shape())};
}

std::vector<Sample> samples() {
  const auto index = SampleInput::indices;
  return {
      {.inputs = {{.shape = {5, 3}}, index({7}, 5, DType::i64), {.shape = {7, 3}}},
       .attrs = {{"dim", 0}}},
      {.inputs = {{.shape = {2, 5, 3}}, index({2}, 5, DType::i32), {.shape = {2, 2, 3}}},
       .attrs = {{"dim", -2}, {"alpha", -0.75}}},
      {.inputs = {{.shape = {3, 130}}, index({5}, 3, DType::i64), {.shape = {5, 130}}},
       .attrs = {{"dim", 0}}},
      {.inputs = {{.shape = {}}, index({1}, 1, DType::i64), {.shape = {}}}, .attrs = {{"dim", 0}}},
      {.inputs = {{.shape = {1}}, index({1}, 1, DType::i64), {.shape = {1}}},
       .attrs = {{"dim", 0}}},
      {.inputs = {{.shape = {3, 4}}, index({0}, 3, DType::i64), {.shape = {0, 4}}},
       .attrs = {{"dim", 0}}},
      {.inputs = {{.shape = {4}, .dtype = DType::i32, .fill = Fill::integers, .lo = -9, .hi = 9},
                  index({6}, 4, DType::i64),
                  {.shape = {6}, .dtype = DType::i32, .fill = Fill::integers, .lo = -9, .hi = 9}},
       .attrs = {{"dim", 0}, {"alpha", 3}}},
      {.inputs = {{.shape = {1024, 256}}, index({4096}, 1024, DType::i64), {.shape = {4096, 256}}},
       .attrs = {{"dim", 0}},
       .bench = true}};
}

}  // namespace

OpDef index_add_op() {
  return {
      .name = "index_add",
      .doc = "input with alpha times slice j of source added to slice index[j], for j in order",
      .inputs = {{"input"}, {"index", InputKind::required, false}, {"source"}},
      .attributes = {{"dim", AttrType::integer, {}, true}, {"alpha", AttrType::real, 1.0}},
      .dtypes = number_types,
      .infer = infer,
      .grad = grad,
      .cpu = {{"blocked", run_blocked, nullptr, blocked_usable}, {"reference", run}},
      .cuda = cuda_variants([](auto tag) {
        using Tag = decltype(tag);
        return std::vector<KernelVariant>{{"first_of_each", run_cuda<Tag>, nullptr, takes<Tag>}};
      }),
      .aliases = {{0, 0}},
      .samples = samples,
      .cost = [](const KernelQuery& query) {
        return Cost{static_cast<double>(query.in[2].numel()), least_bytes(query)};
      }};
}

}  // namespace gradus
