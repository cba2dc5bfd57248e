// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "kernels/scatter.h"
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
  GRADUS_CHECK(args.in[2].dtype == args.in[0].dtype,
               "[scatter_add] input 2 ('src') dtype, expected {}, got {}",
               dtype_name(args.in[0].dtype), dtype_name(args.in[2].dtype));
  if (index.numel() > 0) {
    check_index_shape(args.op, index, shape, dim, "input");
    check_index_shape(args.op, index, at_least_1d(args.in[2].shape), -1, "src");
  }
  return {args.in[0]};
}

void run(const RunArgs& args) {
  const TensorRef &in = args.in[0], &index = args.in[1], &src = args.in[2];
  const Shape shape = at_least_1d(in.shape);
  kernels::scatter_add_cpu({in.dtype, in.data, shape, index_array(index), at_least_1d(index.shape),
                            normalize_dim(args.attrs.integer("dim"), shape.rank(), "scatter_add"),
                            src.data, at_least_1d(src.shape), 0, args.out[0].data, "scatter_add"});
}

// What index did not reach of a larger src gets zeros.
Value pad_to(Value x, const Shape& shape) {
  if (x.shape() == shape) return x;
  if (x.spec().numel() == 0) return x.graph().full(shape, 0.0, x.dtype());
  std::vector<int64_t> pad;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    pad.push_back(0);
    pad.push_back(shape[d] - x.shape()[d]);
  }
  return apply1("pad", {reshape(x, at_least_1d(x.shape()))}, {{"pad", pad}});
}

std::vector<Value> grad(GradArgs& args) {
  const Value dy = args.dout[0];
  const Value picked = apply1("gather", {dy, args.in[1]}, args.attrs.all());
  const Shape& wanted = args.in[2].shape();
  return {dy, Value(), reshape(pad_to(picked, wanted), wanted)};
}

std::vector<Sample> samples() {
  const auto index = SampleInput::indices;
  return {
      {.inputs = {{.shape = {3, 5}}, index({3, 4}, 5, DType::i64), {.shape = {3, 4}}},
       .attrs = {{"dim", 1}}},
      {.inputs = {{.shape = {4, 3, 2}}, index({7, 2, 1}, 4, DType::i64), {.shape = {7, 3, 2}}},
       .attrs = {{"dim", 0}}},
      {.inputs = {{.shape = {3, 5}}, index({2, 9}, 5, DType::i32), {.shape = {2, 9}}},
       .attrs = {{"dim", -1}}},
      {.inputs = {{.shape = {}}, index({}, 1, DType::i64), {.shape = {}}}, .attrs = {{"dim", 0}}},
      {.inputs = {{.shape = {1}}, index({1}, 1, DType::i64), {.shape = {1}}},
       .attrs = {{"dim", 0}}},
      {.inputs = {{.shape = {3, 5}}, index({0, 4}, 5, DType::i64), {.shape = {0, 4}}},
       .attrs = {{"dim", 1}}},
      {.inputs = {{.shape = {512, 1024}},
                  index({512, 512}, 1024, DType::i64),
                  {.shape = {512, 512}}},
       .attrs = {{"dim", 1}},
       .bench = true}};
}

}  // namespace

OpDef scatter_add_op() {
  return {.name = "scatter_add",
          .doc =
              "input with src[i][j] added at [i][index[i][j]] for dim 1, and so on; repeated "
              "places add up in order along dim",
          .inputs = {{"input"}, {"index", InputKind::required, false}, {"src"}},
          .attributes = {{"dim", AttrType::integer, {}, true}},
          .dtypes = number_types,
          .infer = infer,
          .grad = grad,
          .cpu = {{"reference", run}},
          .aliases = {{0, 0}},
          .samples = samples,
          .cost = [](const KernelQuery& query) {
            return Cost{static_cast<double>(query.in[1].numel()), least_bytes(query)};
          }};
}

}  // namespace gradus
