// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/grad_args.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/variance.h"

namespace gradus {
namespace {

void run(const RunArgs& args) {
  kernels::reduce_cpu(reduce_args(args, kernels::Reduction::var, args.attrs.real("correction")));
}

std::vector<Value> grad(GradArgs& args) { return {variance_gradient(args, args.dout[0])}; }

}  // namespace

OpDef var_op() {
  return {.name = "var",
          .doc = "sum((x - mean)^2) / max(0, count - correction) over dim (all dims when none)",
          .inputs = {{"input"}},
          .attributes = variance_attributes(),
          .infer = infer_variance,
          .grad = grad,
          .cpu = {{"reference", run}},
          .samples = variance_samples,
          .cost = reduction_cost};
}

}  // namespace gradus
