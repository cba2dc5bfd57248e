// SPDX-License-Identifier: Apache-2.0
#include "kernels/softmax.h"

#include "engine/graph/grad_args.h"
#include "ops/cuda_variants.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  (void)normalize_dim(args.attrs.integer("dim"), args.in[0].shape.rank(), args.op);
  return {args.in[0]};
}

void run(const RunArgs& args) {
  const DimSplit split = split_at(args.in[0].shape, args.attrs.integer("dim"), "softmax");
  kernels::softmax_cpu(
      {args.in[0].dtype, args.in[0].data, args.out[0].data, split.outer, split.dim, split.inner});
}

void run_cuda(const RunArgs& args) {
  const DimSplit split = split_at(args.in[0].shape, args.attrs.integer("dim"), "softmax");
  kernels::softmax_cuda(
      {args.in[0].dtype, args.in[0].data, args.out[0].data, split.outer, split.dim, split.inner},
      args.stream);
}

std::vector<Value> grad(GradArgs& args) {
  const int64_t dim = args.attrs.integer("dim");
  const Value y = args.out[0], dy = args.dout[0];
  return {y * (dy - sum(y * dy, {dim}, true))};
}

std::vector<Sample> samples() {
  return {{.inputs = {{.shape = {3, 7}}}, .attrs = {{"dim", -1}}},
          {.inputs = {{.shape = {2, 5, 3}, .lo = -4, .hi = 4}}, .attrs = {{"dim", 1}}},
          {.inputs = {{.shape = {}}}, .attrs = {{"dim", 0}}},
          {.inputs = {{.shape = {1, 1}}}, .attrs = {{"dim", -1}}},
          {.inputs = {{.shape = {0, 4}}}, .attrs = {{"dim", -1}}},
          {.inputs = {{.shape = {4, 0}}}, .attrs = {{"dim", -1}}},
          {.inputs = {{.shape = {2, 1031}}}, .attrs = {{"dim", -1}}},
          {.inputs = {{.shape = {4096, 1024}}}, .attrs = {{"dim", -1}}, .bench = true}};
}

Cost cost(const KernelQuery& query) {
  return {5.0 * static_cast<double>(query.in[0].numel()),
          2.0 * static_cast<double>(query.in[0].bytes())};
}

}  // namespace

OpDef softmax_op() {
  return {.name = "softmax",
          .doc = "exp(x - max) / sum(exp(x - max)) over dim",
          .inputs = {{"input"}},
          .attributes = {{"dim", AttrType::integer, {}, true}},
          .infer = infer,
          .grad = grad,
          .cpu = {{"reference", run}},
          .cuda = cuda_variants([] {
            return std::vector<KernelVariant>{{"rows", run_cuda}};
          }),
          .aliases = {{0, 0}},
          .autocast = AutocastClass::full_precision,
          .samples = samples,
          .cost = cost};
}

}  // namespace gradus
