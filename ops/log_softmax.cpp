// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/grad_args.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/softmax_family.h"

namespace gradus {
namespace {

std::vector<Value> grad(GradArgs& args) {
  return {apply1("log_softmax_backward", {args.dout[0], args.out[0]},
                 {{"dim", softmax_dim(args.attrs, args.in[0].shape())}})};
}

}  // namespace

OpDef log_softmax_op() {
  return {
      .name = "log_softmax",
      .doc = "x - max - log(sum(exp(x - max))) over dim (without: 0 for rank 0, 1 and 3, else 1)",
      .inputs = {{"input"}},
      .attributes = {{"dim", AttrType::integer}},
      .infer = infer_softmax,
      .grad = grad,
      .cpu = log_softmax_variants(),
      .cuda = log_softmax_cuda_variants(),
      .aliases = {{0, 0}},
      .autocast = AutocastClass::full_precision,
      .samples = softmax_samples,
      .cost = softmax_cost};
}

}  // namespace gradus
