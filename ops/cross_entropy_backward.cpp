// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "ops/class_loss.h"
#include "ops/cpu_variants.h"
#include "ops/cuda_variants.h"
#include "ops/op_list.h"
#include "ops/ops.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  return infer_class_loss_backward(args, true);
}

kernels::CrossEntropyArgs bind(const RunArgs& args) {
  kernels::CrossEntropyArgs loss = class_loss_args(args, 1, "cross_entropy_backward");
  loss.label_smoothing = args.attrs.real("label_smoothing");
  loss.dloss = args.in[0].data;
  loss.dx = args.out[0].data;
  loss.workspace = static_cast<double*>(args.workspace);
  return loss;
}

template <class>
void run_cuda(const RunArgs& args) {
  kernels::cross_entropy_backward_cuda(bind(args), args.stream);
}

// With one class the gradient is exactly 0: the difference of two equal terms, which the row
// kernels round apart.
bool rows(const KernelQuery& query) {
  const Shape& shape = query.in[1].shape;
  return shape.rank() >= 1 && shape.rank() <= 2 && shape[shape.rank() - 1] > 1;
}

// The terms of out = g * (s * p - q * w), as values that broadcast against x.
struct Terms {
  Value x, target, weight;  // weight may be absent
  int64_t dim;
  double smoothing, classes;
  bool indices;
  const Attrs& attrs;

  explicit Terms(const GradArgs& args)
      : x(args.in[1]),
        target(args.in[2]),
        weight(args.in[3]),
        dim(class_dim(x)),
        smoothing(args.attrs.real("label_smoothing")),
        classes(static_cast<double>(x.shape()[static_cast<int>(dim)])),
        indices(target.dtype() == DType::i64),
        attrs(args.attrs) {}

  Value total(Value values) const { return sum(values, {dim}, true); }

  Value weights() const {
    if (!weight) return x.graph().scalar(1.0, x.dtype());
    Shape shape;
    for (int d = 0; d < x.rank(); ++d) shape.push_back(d == dim ? x.shape()[d] : 1);
    return reshape(weight, shape);
  }

  // s = sum_c q * w
  Value target_weight() const {
    if (!indices) {
      const Value q = target * (1.0 - smoothing) + smoothing / classes;
      return total(q * weights());
    }
    const Value own = over_classes(position_weights(x, target, weight, attrs), x);
    if (smoothing == 0) return own;
    const Value counted = over_classes(position_weights(x, target, {}, attrs), x);
    const Value all = weight ? sum(weight) : x.graph().scalar(classes, x.dtype());
    return own * (1.0 - smoothing) + counted * all * (smoothing / classes);
  }

  // g: grad_output for each position.
  Value slope(Value grad_output) const {
    const Value g = over_classes(grad_output, x);
    if (loss_reduction(attrs, "cross_entropy_backward") != kernels::LossReduction::mean) return g;
    if (!indices) return g * (classes / static_cast<double>(x.shape().numel()));
    return g / sum(position_weights(x, target, weight, attrs));
  }
};

std::vector<Value> grad(GradArgs& args) {
  const Terms terms(args);
  const Value v = args.dout[0], grad_output = args.in[0];
  std::vector<Value> result(4);
  if (args.wants(0)) {
    const Value slope = apply1("cross_entropy_backward",
                               {ones_like(grad_output), args.in[1], args.in[2], args.in[3]},
                               AttrList(args.attrs.all().begin(), args.attrs.all().end()));
    const bool none =
        loss_reduction(args.attrs, "cross_entropy_backward") == kernels::LossReduction::none;
    result[0] = none ? sum(v * slope, {terms.dim}) : sum(v * slope);
  }
  if (!args.wants(1) && !args.wants(2)) return result;
  const Value p = apply1("softmax", {terms.x}, {{"dim", terms.dim}});
  const Value centered = v - terms.total(v * p), g = terms.slope(grad_output);
  if (args.wants(1)) result[1] = g * terms.target_weight() * p * centered;
  if (args.wants(2)) result[2] = -g * (1.0 - terms.smoothing) * terms.weights() * centered;
  return result;
}

}  // namespace

OpDef cross_entropy_backward_op() {
  return {
      .name = "cross_entropy_backward",
      .doc =
          "grad_output * (s * softmax(input) - q * weight), s the sum of q * weight over the "
          "classes: the gradient of cross_entropy",
      .inputs = {{"grad_output"}, {"input"}, {"target"}, {"weight", InputKind::optional, false}},
      .attributes = {{"ignore_index", AttrType::integer, -100},
                     reduction_attribute(),
                     {"label_smoothing", AttrType::real, 0.0}},
      .infer = infer,
      .grad = grad,
      .cpu = cpu_variants<bind, kernels::cross_entropy_backward_avx512,
                          kernels::cross_entropy_backward_avx2, kernels::cross_entropy_backward_cpu,
                          rows>(),
      .cuda = cuda_variants([](auto tag) {
        return std::vector<KernelVariant>{
            {"rows", run_cuda<decltype(tag)>, class_loss_divisor_workspace}};
      }),
      .aliases = {{0, 1}},
      .autocast = AutocastClass::full_precision,
      .samples = [] { return class_loss_samples(true, true); },
      .cost = class_loss_cost};
}

}  // namespace gradus
