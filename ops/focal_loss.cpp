// SPDX-License-Identifier: Apache-2.0
// The focal loss (Lin et al. 2017) over classes.
#include <cmath>

#include "engine/base/error.h"
#include "ops/class_loss.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/row_norm.h"

namespace gradus {
namespace {

constexpr std::string_view name = "focal_loss";
// exp(-loss) is nothing beside 1 beyond it.
constexpr double surely_wrong = 700;

std::vector<TensorSpec> infer(const InferArgs& args) {
  for (const std::string_view attribute : {"gamma", "alpha"}) {
    const double value = args.attrs.real(attribute);
    GRADUS_CHECK(value >= 0 && std::isfinite(value),
                 "[{}] attribute '{}', expected a finite number of at least 0, got {}", args.op,
                 attribute, value);
  }
  return {check_class_loss(args, 0, false)};
}

// (1 - p)^gamma for a loss of -log p. 0 where p is 1, without the slope of the power, which may be
// infinite there; 1 without slope where p is 0.
Value modulation(Value loss, double gamma) {
  const Value wrong = loss > 0.0;
  const Value between = logical_and(wrong, loss < surely_wrong);
  const Value rest = where(between, -expm1(-loss), ones_like(loss));
  return where(wrong, pow(rest, loss.graph().scalar(gamma, loss.dtype())), zeros_like(loss));
}

// What `mean` divides by: the weights of the targets, or how many are not ignored.
Value divisor(Value weights, Value target, int64_t ignore_index, DType dtype) {
  if (weights) return sum(weights);
  const Value ignored = target.graph().constant(
      Tensor::from<int64_t>(DType::i64, {}, std::span<const int64_t>(&ignore_index, 1)));
  return sum(cast(ne(target, ignored), dtype));
}

Value modulated(std::span<const Value> in, const Attrs& attrs) {
  const int64_t ignore_index = attrs.integer("ignore_index");
  const Value x = widened(in[0]), target = in[1];
  Value loss =
      apply1("cross_entropy", {x, target}, {{"ignore_index", ignore_index}, {"reduction", "none"}});
  loss = modulation(loss, attrs.real("gamma")) * loss;
  const Value weights =
      in[2] ? position_weights(x, target, cast(in[2], x.dtype()), attrs) : Value();
  if (weights) loss = loss * weights;
  switch (loss_reduction(attrs, name)) {
    case kernels::LossReduction::none:
      return loss;
    case kernels::LossReduction::sum:
      return sum(loss);
    default:
      return sum(loss) / divisor(weights, target, ignore_index, x.dtype());
  }
}

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const double alpha = attrs.real("alpha");
  Value loss = attrs.real("gamma") > 0 ? modulated(in, attrs)
                                       : apply1("cross_entropy", {in[0], in[1], in[2]},
                                                {{"ignore_index", attrs.integer("ignore_index")},
                                                 {"reduction", attrs.text("reduction")}});
  if (alpha != 1) loss = loss * alpha;
  return {cast(loss, in[0].dtype())};
}

std::vector<Sample> samples() {
  std::vector<Sample> list = class_loss_samples(false, false);
  const auto also = [&](size_t like, AttrList attrs) {
    Sample sample = list[like];
    for (NamedAttr& attr : attrs) sample.attrs.push_back(std::move(attr));
    list.insert(list.end() - 1, std::move(sample));
  };
  also(0, {{"gamma", 0.5}, {"alpha", 0.25}});
  also(3, {{"gamma", 3}});
  also(6, {{"gamma", 0}, {"alpha", 2}});
  return list;
}

}  // namespace

OpDef focal_loss_op() {
  return {.name = "focal_loss",
          .doc =
              "alpha * (1 - p)^gamma * cross_entropy for p, the softmax of input (dim 1) at the "
              "target's class; alpha is one factor for all, weight says what each class counts; "
              "mean divides by the weights of the targets",
          .inputs = {{"input"},
                     {"target", InputKind::required, false},
                     {"weight", InputKind::optional, false}},
          .attributes = {{"gamma", AttrType::real, 2.0},
                         {"alpha", AttrType::real, 1.0},
                         {"ignore_index", AttrType::integer, -100},
                         reduction_attribute()},
          .infer = infer,
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
