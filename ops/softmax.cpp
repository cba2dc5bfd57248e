// SPDX-License-Identifier: Apache-2.0
#include "kernels/softmax.h"
#include "engine/graph/grad_args.h"
#include "ops/cuda_variants.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/softmax_family.h"
#include "ops/support.h"

namespace gradus {
namespace {

template <class>
void run_cuda(const RunArgs& args) {
  const DimSplit split =
      split_at(args.in[0].shape, softmax_dim(args.attrs, args.in[0].shape), "softmax");
  kernels::softmax_cuda(
      {args.in[0].dtype, args.in[0].data, args.out[0].data, split.outer, split.dim, split.inner},
      args.stream);
}

std::vector<Value> grad(GradArgs& args) {
  return {apply1("softmax_backward", {args.dout[0], args.out[0]},
                 {{"dim", softmax_dim(args.attrs, args.in[0].shape())}})};
}

}  // namespace

OpDef softmax_op() {
  return {
      .name = "softmax",
      .doc = "exp(x - max) / sum(exp(x - max)) over dim (without: 0 for rank 0, 1 and 3, else 1)",
      .inputs = {{"input"}},
      .attributes = {{"dim", AttrType::integer}},
      .infer = infer_softmax,
      .grad = grad,
      .cpu = softmax_variants(),
      .cuda = cuda_variants([](auto tag) {
        return std::vector<KernelVariant>{{"rows", run_cuda<decltype(tag)>}};
      }),
      .aliases = {{0, 0}},
      .autocast = AutocastClass::full_precision,
      .samples = softmax_samples,
      .cost = softmax_cost};
}

}  // namespace gradus
