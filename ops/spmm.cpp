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
               "[spmm] input 2 ('values'), expected floats of shape {}, got {}",
               to_string(args.in[1].shape), to_string(values));
  GRADUS_CHECK(dense.shape.rank() == 2 && dense.dtype == values.dtype,
               "[spmm] input 3 ('dense'), expected a matrix of {}, got {}",
               dtype_name(values.dtype), to_string(dense));
  const TensorSpec out{dense.dtype, {sparse_rows(args.in[0]), dense.shape[1]}};
  (void)out.bytes();
  return {out};
}

void run(const RunArgs& args) {
  const TensorRef &dense = args.in[3], &out = args.out[0];
  kernels::spmm_cpu({dense.dtype, read_pattern(args, dense.shape[0], "spmm"), args.in[2].data,
                     dense.data, nullptr, out.data, out.shape[1]});
}

std::vector<Value> grad(GradArgs& args) {
  const Value crow = args.in[0], col = args.in[1], dy = args.dout[0];
  std::vector<Value> result(4);
  if (args.wants(2)) result[2] = apply1("sddmm", {crow, col, dy, args.in[3]});
  if (args.wants(3))
    result[3] =
        apply1("spmm_transpose", {crow, col, args.in[2], dy}, {{"size", args.in[3].shape()[0]}});
  return result;
}

std::vector<Sample> samples() {
  const auto index = SampleInput::indices;
  return {
      {.inputs = {crow_sample(4, 9), index({9}, 5, DType::i64), {.shape = {9}}, {.shape = {5, 3}}}},
      {.inputs = {crow_sample(7, 5, DType::i32),
                  index({5}, 2, DType::i32),
                  {.shape = {5}},
                  {.shape = {2, 70}}}},
      {.inputs = {crow_sample(3, 0), index({0}, 1, DType::i64), {.shape = {0}}, {.shape = {2, 3}}}},
      {.inputs = {crow_sample(1, 1), index({1}, 1, DType::i64), {.shape = {1}}, {.shape = {1, 1}}}},
      {.inputs = {crow_sample(0, 0), index({0}, 1, DType::i64), {.shape = {0}}, {.shape = {2, 0}}}},
      {.inputs = {crow_sample(4096, 65536),
                  index({65536}, 4096, DType::i64),
                  {.shape = {65536}},
                  {.shape = {4096, 64}}},
       .bench = true}};
}

}  // namespace

OpDef spmm_op() {
  return {
      .name = "spmm",
      .doc = "the sparse matrix (rows, columns) in compressed rows, times dense (columns, width)",
      .inputs = {crow_input(), col_input(), {"values"}, {"dense"}},
      .dtypes = dtype_set({DType::i64, DType::i32}),
      .infer = infer,
      .grad = grad,
      .cpu = {{"reference", run}},
      .samples = samples,
      .cost = [](const KernelQuery& query) {
        return Cost{sparse_flops(query, query.in[3].shape[1]), least_bytes(query)};
      }};
}

}  // namespace gradus
