// SPDX-License-Identifier: Apache-2.0
#include "kernels/rmsprop_step.h"

#include "ops/op_list.h"
#include "ops/rmsprop_rule.h"

namespace gradus {
namespace {

kernels::RmspropStepArgs kernel_args(const RunArgs& args) {
  const Attrs& attrs = args.attrs;
  const size_t extra = rmsprop_layout().skip() + 1;
  return {args.in[0].dtype,
          args.in[0].numel(),
          args.in[0].data,
          args.in[1].data,
          args.in[2].data,
          step_data(args.in, extra),
          step_data(args.in, extra + 1),
          args.out[0].data,
          args.out[1].data,
          step_data(args.out, 2),
          step_data(args.out, 3),
          step_control(args, rmsprop_layout()),
          attrs.real("alpha"),
          attrs.real("eps"),
          attrs.real("weight_decay"),
          attrs.real("momentum"),
          attrs.boolean("maximize")};
}

void run(const RunArgs& args) { kernels::rmsprop_step_cpu(kernel_args(args)); }
void run_vector(const RunArgs& args) { kernels::rmsprop_step_cpu_vector(kernel_args(args)); }

}  // namespace

OpDef rmsprop_step_op() {
  return {.name = "rmsprop_step",
          .doc =
              "v' = alpha v + (1 - alpha) g^2, w - lr g / (sqrt(v') + eps), with momentum over the "
              "quotient and the variance where centered, as torch.optim.RMSprop",
          .inputs = step_inputs(rmsprop_layout()),
          .outputs = step_outputs(rmsprop_layout()),
          .attributes = rmsprop_attributes(),
          .infer = infer_rmsprop,
          .no_grad = "an update in place; rmsprop_step_composite is its differentiable twin",
          .cpu = {{"vector", run_vector, nullptr, step_is_f32}, {"reference", run}},
          .aliases = step_aliases(rmsprop_layout()),
          .state = step_aliases(rmsprop_layout()),
          .autocast = AutocastClass::full_precision,
          .samples = rmsprop_samples,
          .cost = step_cost};
}

}  // namespace gradus
