// SPDX-License-Identifier: Apache-2.0
#include "ops/class_loss.h"
#include "ops/cuda_variants.h"
#include "ops/op_list.h"
#include "ops/ops.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) { return {check_class_loss(args, 0, false)}; }

kernels::CrossEntropyArgs bind(const RunArgs& args) {
  kernels::CrossEntropyArgs loss = class_loss_args(args, 0, "nll_loss");
  loss.log_probabilities = true;
  loss.loss = args.out[0].data;
  loss.workspace = static_cast<double*>(args.workspace);
  return loss;
}

void run(const RunArgs& args) { kernels::cross_entropy_cpu(bind(args)); }
template <class>
void run_cuda(const RunArgs& args) {
  kernels::cross_entropy_cuda(bind(args), args.stream);
}

std::vector<Value> grad(GradArgs& args) {
  return {apply1("nll_loss_backward", {args.dout[0], args.in[0], args.in[1], args.in[2]},
                 AttrList(args.attrs.all().begin(), args.attrs.all().end())),
          Value(), Value()};
}

}  // namespace

OpDef nll_loss_op() {
  return {
      .name = "nll_loss",
      .doc =
          "-weight[target] * input[target] over the classes (dim 1), input being "
          "log-probabilities; mean divides by the weights of the targets",
      .inputs = {{"input"},
                 {"target", InputKind::required, false},
                 {"weight", InputKind::optional, false}},
      .attributes = {{"ignore_index", AttrType::integer, -100}, reduction_attribute()},
      .infer = infer,
      .grad = grad,
      .cpu = {{"reference", run, class_loss_workspace}},
      .cuda = cuda_variants([](auto tag) {
        return std::vector<KernelVariant>{{"rows", run_cuda<decltype(tag)>, class_loss_workspace}};
      }),
      .samples = [] { return class_loss_samples(false, false); },
      .cost = class_loss_cost};
}

}  // namespace gradus
