// SPDX-License-Identifier: Apache-2.0
#include "kernels/cross_entropy.h"

#include "engine/base/error.h"
#include "ops/class_loss.h"
#include "ops/cpu_variants.h"
#include "ops/cuda_variants.h"
#include "ops/op_list.h"
#include "ops/ops.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  const double smoothing = args.attrs.real("label_smoothing");
  GRADUS_CHECK(smoothing >= 0 && smoothing <= 1,
               "[{}] attribute 'label_smoothing', expected 0 to 1, got {}", args.op, smoothing);
  return {check_class_loss(args, 0, true)};
}

kernels::CrossEntropyArgs bind(const RunArgs& args) {
  kernels::CrossEntropyArgs loss = class_loss_args(args, 0, "cross_entropy");
  loss.label_smoothing = args.attrs.real("label_smoothing");
  loss.loss = args.out[0].data;
  loss.workspace = static_cast<double*>(args.workspace);
  return loss;
}

template <class>
void run_cuda(const RunArgs& args) {
  kernels::cross_entropy_cuda(bind(args), args.stream);
}

bool rows(const KernelQuery& query) { return query.in[0].shape.rank() <= 2; }

// Of probabilities as target: -(1 - label_smoothing) * weight * log_softmax(x).
Value target_gradient(const GradArgs& args) {
  const Value x = args.in[0], weight = args.in[2];
  const int64_t dim = class_dim(x);
  Value g = over_classes(args.dout[0], x) * (args.attrs.real("label_smoothing") - 1.0);
  if (loss_reduction(args.attrs, "cross_entropy") == kernels::LossReduction::mean)
    g = g * (static_cast<double>(x.shape()[static_cast<int>(dim)]) /
             static_cast<double>(x.shape().numel()));
  Value slope = g * apply1("log_softmax", {x}, {{"dim", dim}});
  if (weight) {
    Shape shape;
    for (int d = 0; d < x.rank(); ++d) shape.push_back(d == dim ? x.shape()[d] : 1);
    slope = slope * reshape(weight, shape);
  }
  return slope;
}

std::vector<Value> grad(GradArgs& args) {
  std::vector<Value> result(3);
  if (args.wants(0))
    result[0] = apply1("cross_entropy_backward", {args.dout[0], args.in[0], args.in[1], args.in[2]},
                       AttrList(args.attrs.all().begin(), args.attrs.all().end()));
  if (args.wants(1)) result[1] = target_gradient(args);
  return result;
}

}  // namespace

OpDef cross_entropy_op() {
  return {
      .name = "cross_entropy",
      .doc =
          "-sum(q * weight * log_softmax(input)) over the classes (dim 1), q the target's "
          "class or probabilities, smoothed; mean divides by the weights of the targets",
      .inputs = {{"input"}, {"target"}, {"weight", InputKind::optional, false}},
      .attributes = {{"ignore_index", AttrType::integer, -100},
                     reduction_attribute(),
                     {"label_smoothing", AttrType::real, 0.0}},
      .infer = infer,
      .grad = grad,
      .cpu = cpu_variants<bind, kernels::cross_entropy_avx512, kernels::cross_entropy_avx2,
                          kernels::cross_entropy_cpu, rows>(class_loss_workspace,
                                                            class_loss_workspace),
      .cuda = cuda_variants([](auto tag) {
        return std::vector<KernelVariant>{{"rows", run_cuda<decltype(tag)>, class_loss_workspace}};
      }),
      .autocast = AutocastClass::full_precision,
      .samples = [] { return class_loss_samples(false, true); },
      .cost = class_loss_cost};
}

}  // namespace gradus
