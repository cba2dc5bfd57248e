// SPDX-License-Identifier: Apache-2.0
#include "ops/class_loss.h"
#include "ops/cuda_variants.h"
#include "ops/op_list.h"
#include "ops/ops.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  return infer_class_loss_backward(args, false);
}

kernels::CrossEntropyArgs bind(const RunArgs& args) {
  kernels::CrossEntropyArgs loss = class_loss_args(args, 1, "nll_loss_backward");
  loss.log_probabilities = true;
  loss.dloss = args.in[0].data;
  loss.dx = args.out[0].data;
  loss.workspace = static_cast<double*>(args.workspace);
  return loss;
}

void run(const RunArgs& args) { kernels::cross_entropy_backward_cpu(bind(args)); }
template <class>
void run_cuda(const RunArgs& args) {
  kernels::cross_entropy_backward_cuda(bind(args), args.stream);
}

// nll_loss is linear in its scores, so the gradient of its gradient is itself.
std::vector<Value> grad(GradArgs& args) {
  return {apply1("nll_loss", {args.dout[0], args.in[2], args.in[3]},
                 AttrList(args.attrs.all().begin(), args.attrs.all().end())),
          Value(), Value(), Value()};
}

}  // namespace

OpDef nll_loss_backward_op() {
  return {.name = "nll_loss_backward",
          .doc =
              "-grad_output * weight[target] at the target's class, else 0: the gradient of "
              "nll_loss",
          .inputs = {{"grad_output"},
                     {"input", InputKind::required, false},
                     {"target", InputKind::required, false},
                     {"weight", InputKind::optional, false}},
          .attributes = {{"ignore_index", AttrType::integer, -100}, reduction_attribute()},
          .infer = infer,
          .grad = grad,
          .cpu = {{"reference", run}},
          .cuda = cuda_variants([](auto tag) {
            return std::vector<KernelVariant>{
                {"rows", run_cuda<decltype(tag)>, class_loss_divisor_workspace}};
          }),
          .samples = [] { return class_loss_samples(true, false); },
          .cost = class_loss_cost};
}

}  // namespace gradus
