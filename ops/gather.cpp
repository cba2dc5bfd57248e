// SPDX-License-Identifier: Apache-2.0
#include "kernels/gather.h"

#include "engine/graph/grad_args.h"
#include "ops/movement.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  check_index_dtype(args, 1, "index");
  const Shape shape = at_least_1d(args.in[0].shape), index = at_least_1d(args.in[1].shape);
  const int dim = normalize_dim(args.attrs.integer("dim"), shape.rank(), args.op);
  if (index.numel() > 0) check_index_shape(args.op, index, shape, dim, "input");
  return {{args.in[0].dtype, args.in[1].shape}};
}

void run(const RunArgs& args) {
  const TensorRef &in = args.in[0], &index = args.in[1];
  const Shape shape = at_least_1d(in.shape);
  kernels::gather_cpu(
      {element_bytes(in.dtype), in.data, shape, index_array(index), at_least_1d(index.shape),
       normalize_dim(args.attrs.integer("dim"), shape.rank(), "gather"), args.out[0].data});
}

std::vector<Value> grad(GradArgs& args) {
  return {
      apply1("scatter_add", {zeros_like(args.in[0]), args.in[1], args.dout[0]}, args.attrs.all()),
      Value()};
}

std::vector<Sample> samples() {
  const auto index = SampleInput::indices;
  return {
      {.inputs = {{.shape = {3, 5}}, index({3, 4}, 5, DType::i64)}, .attrs = {{"dim", 1}}},
      {.inputs = {{.shape = {4, 3, 2}}, index({7, 2, 1}, 4, DType::i64)}, .attrs = {{"dim", 0}}},
      {.inputs = {{.shape = {3, 5}}, index({2, 9}, 5, DType::i32)}, .attrs = {{"dim", -1}}},
      {.inputs = {{.shape = {}}, index({}, 1, DType::i64)}, .attrs = {{"dim", 0}}},
      {.inputs = {{.shape = {1}}, index({1}, 1, DType::i64)}, .attrs = {{"dim", 0}}},
      {.inputs = {{.shape = {3, 5}}, index({0, 4}, 5, DType::i64)}, .attrs = {{"dim", 1}}},
      {.inputs = {{.shape = {512, 1024}}, index({512, 512}, 1024, DType::i64)},
       .attrs = {{"dim", 1}},
       .bench = true}};
}

}  // namespace

OpDef gather_op() {
  return {
      .name = "gather",
      .doc = "output[i][j] = input[i][index[i][j]] for dim 1, and so on; output has index's shape",
      .inputs = {{"input"}, {"index", InputKind::required, false}},
      .attributes = {{"dim", AttrType::integer, {}, true}},
      .dtypes = all_types,
      .infer = infer,
      .grad = grad,
      .cpu = {{"reference", run}},
      .half = HalfPolicy::native,
      .samples = samples,
      .cost = [](const KernelQuery& query) {
        return Cost{0, static_cast<double>(query.in[1].bytes()) +
                           2.0 * static_cast<double>(query.out[0].bytes())};
      }};
}

}  // namespace gradus
