// SPDX-License-Identifier: Apache-2.0
#include "ops/adam_rule.h"

#include "kernels/adam_step.h"
#include "ops/cuda_variants.h"
#include "ops/ops.h"

namespace gradus {
namespace {

const StepLayout& layout() {
  static const StepLayout* layout = new StepLayout{
      {{"exp_avg"}, {"exp_avg_sq"}}, {{"max_exp_avg_sq", InputKind::optional}}, true};
  return *layout;
}

std::vector<AttrSpec> attributes(AdamForm form) {
  return {{"beta1", AttrType::real, 0.9},
          {"beta2", AttrType::real, 0.999},
          {"eps", AttrType::real, 1e-8},
          {"weight_decay", AttrType::real, form == AdamForm::adamw ? 0.01 : 0.0},
          {"amsgrad", AttrType::boolean, false},
          {"maximize", AttrType::boolean, false}};
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  const std::string_view not_negative[] = {"eps", "weight_decay"};
  check_not_negative(args, not_negative);
  check_fraction(args, "beta1");
  check_fraction(args, "beta2");
  const bool amsgrad = args.attrs.boolean("amsgrad");
  check_state(args, layout(), layout().skip() + 1, amsgrad,
              amsgrad ? "amsgrad is true" : "amsgrad is false");
  return infer_step(args, layout());
}

template <AdamForm form>
kernels::AdamStepArgs kernel_args(const RunArgs& args) {
  const Attrs& attrs = args.attrs;
  return {args.in[0].dtype,
          args.in[0].numel(),
          args.in[0].data,
          args.in[1].data,
          args.in[2].data,
          args.in[3].data,
          step_data(args.in, layout().skip() + 1),
          args.out[0].data,
          args.out[1].data,
          args.out[2].data,
          step_data(args.out, 3),
          step_control(args, layout()),
          attrs.real("beta1"),
          attrs.real("beta2"),
          attrs.real("eps"),
          attrs.real("weight_decay"),
          attrs.boolean("maximize"),
          form == AdamForm::adamw};
}

template <AdamForm form>
void run(const RunArgs& args) {
  kernels::adam_step_cpu(kernel_args<form>(args));
}
template <AdamForm form>
void run_vector(const RunArgs& args) {
  kernels::adam_step_cpu_vector(kernel_args<form>(args));
}

template <AdamForm form, class>
void run_cuda(const RunArgs& args) {
  kernels::adam_step_cuda(kernel_args<form>(args), args.stream);
}

// 1 - beta^step.
Value correction(double beta, Value step) {
  return 1.0 - pow(step.graph().scalar(beta, DType::f64), step);
}

template <AdamForm form>
std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const double beta1 = attrs.real("beta1"), beta2 = attrs.real("beta2");
  const Value lr = step_scalar(in, layout().lr()), step = step_scalar(in, layout().lr() + 1);
  const Value g = step_gradient(in, attrs, layout(), form == AdamForm::adam);
  const Value old = cast(in[2], g.dtype()), largest = in[layout().skip() + 1];
  const Value m = old + (1.0 - beta1) * (g - old);
  const Value v = beta2 * cast(in[3], g.dtype()) + (1.0 - beta2) * square(g);
  Value w = cast(in[0], g.dtype()), spread = v, next_largest;
  if (largest) spread = next_largest = maximum(cast(largest, g.dtype()), v);
  const double decay = attrs.real("weight_decay");
  if (form == AdamForm::adamw && decay != 0.0) w = w * (1.0 - lr * decay);
  const Value divisor = sqrt(spread) / sqrt(correction(beta2, step)) + attrs.real("eps");
  w = w - m * (lr / correction(beta1, step)) / divisor;
  return finish_step(in, layout(), {w, m, v, next_largest});
}

std::vector<Sample> samples() {
  const AttrList all{{"beta1", 0.8},        {"beta2", 0.9},    {"eps", 1e-3},
                     {"weight_decay", 0.1}, {"amsgrad", true}, {"maximize", true}};
  return {
      {.inputs = step_sample(layout(), {3, 5}, {"step"})},
      {.inputs = step_sample(layout(), {7}, {"step", "scale", "max_exp_avg_sq"}), .attrs = all},
      {.inputs = step_sample(layout(), {6}, {"step", "skip"}), .attrs = {{"weight_decay", 0.2}}},
      {.inputs = step_sample(layout(), {6}, {"step", "skip"}, true)},
      {.inputs = step_sample(layout(), {}, {"step"})},
      {.inputs = step_sample(layout(), {1}, {"step"})},
      {.inputs = step_sample(layout(), {0, 3}, {"step"})},
      {.inputs = step_sample(layout(), {1 << 22}, {"step"}), .bench = true}};
}

constexpr std::string_view adam_doc =
    "m' = m + (1 - beta1)(g - m), v' = beta2 v + (1 - beta2) g^2, w - lr mhat / (sqrt(vhat) + eps) "
    "with "
    "bias-corrected moments, as torch.optim.Adam; weight_decay is added to the gradient";
constexpr std::string_view adamw_doc =
    "as adam_step with decoupled weight decay: w (1 - lr weight_decay) - lr mhat / (sqrt(vhat) + "
    "eps), "
    "as torch.optim.AdamW";

template <AdamForm form>
OpDef define_step() {
  const bool decoupled = form == AdamForm::adamw;
  return {.name = decoupled ? "adamw_step" : "adam_step",
          .doc = decoupled ? adamw_doc : adam_doc,
          .inputs = step_inputs(layout()),
          .outputs = step_outputs(layout()),
          .attributes = attributes(form),
          .infer = infer,
          .no_grad = decoupled
                         ? "an update in place; adamw_step_composite is its differentiable twin"
                         : "an update in place; adam_step_composite is its differentiable twin",
          .cpu = {{"vector", run_vector<form>, nullptr, step_is_f32}, {"reference", run<form>}},
          .cuda = cuda_variants([](auto tag) {
            return std::vector<KernelVariant>{
                {"vectors", run_cuda<form, decltype(tag)>, nullptr, step_is_of_one_dtype}};
          }),
          .aliases = step_aliases(layout()),
          .state = step_aliases(layout()),
          .autocast = AutocastClass::full_precision,
          .samples = samples,
          .cost = step_cost};
}

template <AdamForm form>
OpDef define_composite() {
  const bool decoupled = form == AdamForm::adamw;
  return {.name = decoupled ? "adamw_step_composite" : "adam_step_composite",
          .doc = decoupled ? "adamw_step out of differentiable ops, for second-order methods"
                           : "adam_step out of differentiable ops, for second-order methods",
          .inputs = step_inputs(layout()),
          .outputs = step_outputs(layout()),
          .attributes = attributes(form),
          .infer = infer,
          .composite = composite<form>,
          .autocast = AutocastClass::full_precision,
          .samples = samples};
}

}  // namespace

OpDef adam_step_def(AdamForm form) {
  return form == AdamForm::adamw ? define_step<AdamForm::adamw>() : define_step<AdamForm::adam>();
}

OpDef adam_step_composite_def(AdamForm form) {
  return form == AdamForm::adamw ? define_composite<AdamForm::adamw>()
                                 : define_composite<AdamForm::adam>();
}

}  // namespace gradus
