// SPDX-License-Identifier: Apache-2.0
#include "kernels/sgd_step.h"

#include "ops/cuda_variants.h"
#include "ops/op_list.h"
#include "ops/sgd_rule.h"

namespace gradus {
namespace {

kernels::SgdStepArgs kernel_args(const RunArgs& args) {
  const Attrs& attrs = args.attrs;
  const bool momentum = args.has(2);
  return {args.in[0].dtype,
          args.in[0].numel(),
          args.in[0].data,
          args.in[1].data,
          momentum ? args.in[2].data : nullptr,
          args.out[0].data,
          momentum ? args.out[1].data : nullptr,
          step_control(args, sgd_layout()),
          attrs.real("momentum"),
          attrs.real("dampening"),
          attrs.real("weight_decay"),
          attrs.boolean("nesterov"),
          attrs.boolean("maximize"),
          attrs.text("momentum_form") == "lr_inside"};
}

void run(const RunArgs& args) { kernels::sgd_step_cpu(kernel_args(args)); }
void run_vector(const RunArgs& args) { kernels::sgd_step_cpu_vector(kernel_args(args)); }
template <class>
void run_cuda(const RunArgs& args) {
  kernels::sgd_step_cuda(kernel_args(args), args.stream);
}

}  // namespace

OpDef sgd_step_op() {
  return {
      .name = "sgd_step",
      .doc =
          "w - lr * (g + weight_decay w), or with momentum b' = momentum b + (1 - dampening) g, "
          "w - lr b' as torch.optim.SGD; momentum_form 'lr_inside': b' = momentum b + lr g, "
          "w - b'",
      .inputs = step_inputs(sgd_layout()),
      .outputs = step_outputs(sgd_layout()),
      .attributes = sgd_attributes(),
      .infer = infer_sgd,
      .no_grad = "an update in place; sgd_step_composite is its differentiable twin",
      .cpu = {{"vector", run_vector, nullptr, step_is_f32}, {"reference", run}},
      .cuda = cuda_variants([](auto tag) {
        return std::vector<KernelVariant>{
            {"vectors", run_cuda<decltype(tag)>, nullptr, step_is_of_one_dtype}};
      }),
      .aliases = step_aliases(sgd_layout()),
      .state = step_aliases(sgd_layout()),
      .autocast = AutocastClass::full_precision,
      .samples = sgd_samples,
      .cost = step_cost};
}

}  // namespace gradus
