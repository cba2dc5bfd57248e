// SPDX-License-Identifier: Apache-2.0
#include "kernels/adagrad_step.h"

#include "ops/adagrad_rule.h"
#include "ops/op_list.h"

namespace gradus {
namespace {

kernels::AdagradStepArgs kernel_args(const RunArgs& args) {
  const Attrs& attrs = args.attrs;
  return {args.in[0].dtype,       args.in[0].numel(),
          args.in[0].data,        args.in[1].data,
          args.in[2].data,        args.out[0].data,
          args.out[1].data,       step_control(args, adagrad_layout()),
          attrs.real("lr_decay"), attrs.real("weight_decay"),
          attrs.real("eps"),      attrs.boolean("maximize")};
}

void run(const RunArgs& args) { kernels::adagrad_step_cpu(kernel_args(args)); }
void run_vector(const RunArgs& args) { kernels::adagrad_step_cpu_vector(kernel_args(args)); }

}  // namespace

OpDef adagrad_step_op() {
  return {.name = "adagrad_step",
          .doc =
              "s' = s + g^2, w - lr / (1 + (step - 1) lr_decay) g / (sqrt(s') + eps), as "
              "torch.optim.Adagrad",
          .inputs = step_inputs(adagrad_layout()),
          .outputs = step_outputs(adagrad_layout()),
          .attributes = adagrad_attributes(),
          .infer = infer_adagrad,
          .no_grad = "an update in place; adagrad_step_composite is its differentiable twin",
          .cpu = {{"vector", run_vector, nullptr, step_is_f32}, {"reference", run}},
          .aliases = step_aliases(adagrad_layout()),
          .state = step_aliases(adagrad_layout()),
          .autocast = AutocastClass::full_precision,
          .samples = adagrad_samples,
          .cost = step_cost};
}

}  // namespace gradus
