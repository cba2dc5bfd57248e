// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/sparse.h"
#include "ops/support.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  check_pattern_specs(args);
  const TensorSpec &values = args.in[2], &dense = args.in[3];
  GRADUS_CHECK(values.shape == args.in[1].shape && contains(float_types, values.dtype),
               "[spmm_transpose] input 2 ('values'), expected floats of shape {}, got {}",
               to_string(args.in[1].shape), to_string(values));
  GRADUS_CHECK(dense.shape.rank() == 2,
               "[spmm_transpose] input 3 ('dense'), expected a matrix, got {}", to_string(dense));
  check_dense(args, 3, "dense", values.dtype, sparse_rows(args.in[0]), dense.shape[1]);
  const int64_t size = args.attrs.integer("size");
  GRADUS_CHECK(size >= 0, "[spmm_transpose] attribute 'size', expected at least 0, got {}", size);
  const TensorSpec out{dense.dtype, {size, dense.shape[1]}};
  (void)dtype_bytes(DType::f64, out.numel());
  return {out};
}

int64_t workspace(const KernelQuery& query) {
  return dtype_bytes(DType::f64, query.out[0].numel());
}

void run(const RunArgs& args) {
  const TensorRef &dense = args.in[3], &out = args.out[0];
  kernels::spmm_transpose_cpu({dense.dtype, read_pattern(args, out.shape[0], "spmm_transpose"),
                               args.in[2].data, dense.data, nullptr, out.data, out.shape[1],
                               static_cast<double*>(args.workspace)});
}

std::vector<Value> grad(GradArgs& args) {
  const Value crow = args.in[0], col = args.in[1], dy = args.dout[0];
  std::vector<Value> result(4);
  if (args.wants(2)) result[2] = apply1("sddmm", {crow, col, args.in[3], dy});
  if (args.wants(3)) result[3] = apply1("spmm", {crow, col, args.in[2], dy});
  return result;
}

std::vector<Sample> samples() {
  const auto index = SampleInput::indices;
  const auto size = [](int n) { return AttrList{{"size", n}}; };
  return {
      {.inputs = {crow_sample(4, 9), index({9}, 5, DType::i64), {.shape = {9}}, {.shape = {4, 3}}},
       .attrs = size(5)},
      {.inputs = {crow_sample(7, 5, DType::i32),
                  index({5}, 2, DType::i32),
                  {.shape = {5}},
                  {.shape = {7, 70}}},
       .attrs = size(3)},
      {.inputs = {crow_sample(3, 0), index({0}, 1, DType::i64), {.shape = {0}}, {.shape = {3, 2}}},
       .attrs = size(2)},
      {.inputs = {crow_sample(1, 1), index({1}, 1, DType::i64), {.shape = {1}}, {.shape = {1, 1}}},
       .attrs = size(1)},
      {.inputs = {crow_sample(4096, 65536),
                  index({65536}, 4096, DType::i64),
                  {.shape = {65536}},
                  {.shape = {4096, 64}}},
       .attrs = size(4096),
       .bench = true}};
}

}  // namespace

OpDef spmm_transpose_op() {
  return {.name = "spmm_transpose",
          .doc =
              "the transpose of the sparse matrix (rows, size) in compressed rows, times dense "
              "(rows, width); entries are added in stored order",
          .inputs = {crow_input(), col_input(), {"values"}, {"dense"}},
          .attributes = {{"size", AttrType::integer, {}, true}},
          .dtypes = dtype_set({DType::i64, DType::i32}),
          .infer = infer,
          .grad = grad,
          .cpu = {{"reference", run, workspace}},
          .samples = samples,
          .cost = [](const KernelQuery& query) {
            return Cost{sparse_flops(query, query.in[3].shape[1]), least_bytes(query)};
          }};
}

}  // namespace gradus
