// SPDX-License-Identifier: Apache-2.0
#include "kernels/index_select.h"

#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "ops/cuda_variants.h"
#include "ops/movement.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  check_index_dtype(args, 1, "index");
  const Shape &in = args.in[0].shape, &index = args.in[1].shape;
  const int dim = normalize_dim(args.attrs.integer("dim"), in.rank(), args.op);
  GRADUS_CHECK(index.rank() <= 1, "[index_select] index, expected one dim, got shape {}",
               to_string(index));
  GRADUS_CHECK(in.rank() > 0 || index.numel() == 1,
               "[index_select] a scalar takes one index, got {}", index.numel());
  TensorSpec out = args.in[0];
  if (in.rank() > 0) out.shape[dim] = index.numel();
  (void)out.bytes();
  return {out};
}

kernels::IndexSelectArgs bind(const RunArgs& args) {
  const TensorRef &in = args.in[0], &index = args.in[1];
  const DimSplit split = split_at(in.shape, args.attrs.integer("dim"), "index_select");
  return {"index_select",
          in.data,
          index_array(index),
          args.out[0].data,
          split.outer,
          split.dim,
          split.inner * element_bytes(in.dtype),
          index.numel()};
}

void run(const RunArgs& args) { kernels::index_select_cpu(bind(args)); }
template <class>
void run_cuda(const RunArgs& args) {
  kernels::index_select_cuda(bind(args), args.stream);
}

std::vector<Value> grad(GradArgs& args) {
  return {apply1("index_add", {zeros_like(args.in[0]), args.in[1], args.dout[0]}, args.attrs.all()),
          Value()};
}

std::vector<Sample> samples() {
  const auto index = SampleInput::indices;
  return {{.inputs = {{.shape = {5, 3}}, index({7}, 5, DType::i64)}, .attrs = {{"dim", 0}}},
          {.inputs = {{.shape = {2, 5, 3}}, index({2}, 5, DType::i32)}, .attrs = {{"dim", -2}}},
          {.inputs = {{.shape = {4, 3}}, index({}, 3, DType::i64)}, .attrs = {{"dim", 1}}},
          {.inputs = {{.shape = {}}, index({1}, 1, DType::i64)}, .attrs = {{"dim", 0}}},
          {.inputs = {{.shape = {1}}, index({1}, 1, DType::i64)}, .attrs = {{"dim", 0}}},
          {.inputs = {{.shape = {3, 4}}, index({0}, 3, DType::i64)}, .attrs = {{"dim", 0}}},
          {.inputs = {{.shape = {1024, 256}}, index({4096}, 1024, DType::i64)},
           .attrs = {{"dim", 0}},
           .bench = true}};
}

}  // namespace

OpDef index_select_op() {
  return {.name = "index_select",
          .doc = "the slices index[0], index[1], ... of input along dim",
          .inputs = {{"input"}, {"index", InputKind::required, false}},
          .attributes = {{"dim", AttrType::integer, {}, true}},
          .dtypes = all_types,
          .infer = infer,
          .grad = grad,
          .cpu = {{"reference", run}},
          .cuda = cuda_variants([](auto tag) {
            return std::vector<KernelVariant>{{"pieces", run_cuda<decltype(tag)>}};
          }),
          .half = HalfPolicy::native,
          .samples = samples,
          .cost = [](const KernelQuery& query) {
            return Cost{0, 2.0 * static_cast<double>(query.out[0].bytes())};
          }};
}

}  // namespace gradus
