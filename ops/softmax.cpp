// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/grad_args.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/softmax_family.h"

namespace gradus {
namespace {

std::vector<Value> grad(GradArgs& args) {
  return {apply1("softmax_backward", {args.dout[0], args.out[0]},
                 {{"dim", args.attrs.integer("dim")}})};
}

}  // namespace

OpDef softmax_op() {
  return {.name = "softmax",
          .doc = "exp(x - max) / sum(exp(x - max)) over dim",
          .inputs = {{"input"}},
          .attributes = {{"dim", AttrType::integer, {}, true}},
          .infer = infer_softmax,
          .grad = grad,
          .cpu = softmax_variants(),
          .aliases = {{0, 0}},
          .autocast = AutocastClass::full_precision,
          .samples = softmax_samples,
          .cost = softmax_cost};
}

}  // namespace gradus
