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
  const TensorSpec &a = args.in[2], &b = args.in[3];
  GRADUS_CHECK(
      a.shape.rank() == 2 && contains(float_types, a.dtype) && b.shape.rank() == 2,
      "[sddmm] inputs 2 ('input') and 3 ('other'), expected floating matrices, got {} and {}",
      to_string(a), to_string(b));
  check_dense(args, 2, "input", a.dtype, sparse_rows(args.in[0]), a.shape[1]);
  check_dense(args, 3, "other", a.dtype, b.shape[0], a.shape[1]);
  return {{a.dtype, args.in[1].shape}};
}

void run(const RunArgs& args) {
  const TensorRef &a = args.in[2], &b = args.in[3];
  kernels::sddmm_cpu({a.dtype, read_pattern(args, b.shape[0], "sddmm"), nullptr, a.data, b.data,
                      args.out[0].data, a.shape[1]});
}

std::vector<Value> grad(GradArgs& args) {
  const Value crow = args.in[0], col = args.in[1], dy = args.dout[0];
  std::vector<Value> result(4);
  if (args.wants(2)) result[2] = apply1("spmm", {crow, col, dy, args.in[3]});
  if (args.wants(3))
    result[3] =
        apply1("spmm_transpose", {crow, col, dy, args.in[2]}, {{"size", args.in[3].shape()[0]}});
  return result;
}

std::vector<Sample> samples() {
  const auto index = SampleInput::indices;
  return {
      {.inputs =
           {crow_sample(4, 9), index({9}, 5, DType::i64), {.shape = {4, 3}}, {.shape = {5, 3}}}},
      {.inputs = {crow_sample(7, 5, DType::i32),
                  index({5}, 2, DType::i32),
                  {.shape = {7, 35}},
                  {.shape = {2, 35}}}},
      {.inputs =
           {crow_sample(3, 0), index({0}, 1, DType::i64), {.shape = {3, 2}}, {.shape = {2, 2}}}},
      {.inputs =
           {crow_sample(1, 1), index({1}, 1, DType::i64), {.shape = {1, 1}}, {.shape = {1, 1}}}},
      {.inputs = {crow_sample(4096, 65536),
                  index({65536}, 4096, DType::i64),
                  {.shape = {4096, 64}},
                  {.shape = {4096, 64}}},
       .bench = true}};
}

}  // namespace

OpDef sddmm_op() {
  return {
      .name = "sddmm",
      .doc =
          "input (rows, width) times the transpose of other (columns, width), at the places of a "
          "sparse matrix in compressed rows alone",
      .inputs = {crow_input(), col_input(), {"input"}, {"other"}},
      .dtypes = dtype_set({DType::i64, DType::i32}),
      .infer = infer,
      .grad = grad,
      .cpu = {{"reference", run}},
      .samples = samples,
      .cost = [](const KernelQuery& query) {
        return Cost{sparse_flops(query, query.in[2].shape[1]), least_bytes(query)};
      }};
}

}  // namespace gradus
