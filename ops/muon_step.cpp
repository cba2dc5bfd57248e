// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "ops/matmul_support.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/optimizer_step.h"

namespace gradus {
namespace {

const StepLayout& layout() {
  static const StepLayout* layout = new StepLayout{{{"momentum_buffer"}}, {}};
  return *layout;
}

constexpr int64_t most_rounds = 99;  // as in PyTorch

std::vector<TensorSpec> infer(const InferArgs& args) {
  const Attrs& attrs = args.attrs;
  const std::string_view not_negative[] = {"momentum", "weight_decay", "eps"};
  check_not_negative(args, not_negative);
  GRADUS_CHECK(args.in[0].shape.rank() >= 2,
               "[{}] input 0 ('weight'), expected rank 2 or more, got {}", args.op,
               to_string(args.in[0]));
  const int64_t rounds = attrs.integer("ns_steps");
  GRADUS_CHECK(rounds >= 0 && rounds <= most_rounds,
               "[{}] attribute 'ns_steps', expected 0 to {}, got {}", args.op, most_rounds, rounds);
  GRADUS_CHECK(attrs.reals("ns_coefficients").size() == 3,
               "[{}] attribute 'ns_coefficients', expected 3 numbers, got {}", args.op,
               attrs.reals("ns_coefficients").size());
  const std::string& form = attrs.text("adjust_lr_fn");
  GRADUS_CHECK(form == "original" || form == "match_rms_adamw" || form == "spectral_unclamped",
               "[{}] attribute 'adjust_lr_fn', expected 'original', 'match_rms_adamw' or "
               "'spectral_unclamped', got '{}'",
               args.op, form);
  return infer_step(args, layout());
}

// By what lr is multiplied for a matrix of `rows` outputs and `cols` inputs.
double rate_of_shape(const std::string& form, double rows, double cols) {
  if (form == "match_rms_adamw") return 0.2 * std::sqrt(std::max(rows, cols));
  const double ratio = cols == 0 ? 1 : rows / cols;
  return std::sqrt(form == "original" ? std::max(1.0, ratio) : ratio);
}

// The nearest half-orthogonal matrix to x (rows, cols), about: its singular values come near 1, by
// rounds of x <- a x + (b s + c s s) x with s = x x^T.
Value orthogonal(Value x, const Attrs& attrs) {
  const Shape shape = x.shape();
  const std::vector<double>& factors = attrs.reals("ns_coefficients");
  const double a = factors[0], b = factors[1], c = factors[2];
  const Value norm = cast(apply1("global_norm", {x}), x.dtype());
  x = x / maximum(norm, zero(norm) + attrs.real("eps"));
  // The smaller of x x^T and x^T x; the polynomial is the same on either side.
  const bool tall = shape[0] > shape[1];
  for (int64_t round = 0; round < attrs.integer("ns_steps"); ++round) {
    const Value s = gemm(x, x, tall, !tall);
    const Value factor = s * b + gemm(s, s) * c;
    x = x * a + (tall ? gemm(x, factor) : gemm(factor, x));
  }
  return x;
}

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const double momentum = attrs.real("momentum");
  const Value lr = step_scalar(in, layout().lr());
  const Value g = step_gradient(in, attrs, layout(), false);
  Value w = cast(in[0], g.dtype());
  const Value old = cast(in[2], g.dtype());
  const Value buffer = old + (g - old) * (1.0 - momentum);
  const Value direction = attrs.boolean("nesterov") ? g + (buffer - g) * momentum : buffer;
  // A convolution's weight is a matrix of one row a channel.
  const Shape shape = w.shape();
  const Shape matrix{shape[0], shape.product(1, shape.rank())};
  const double rate = rate_of_shape(attrs.text("adjust_lr_fn"), static_cast<double>(matrix[0]),
                                    static_cast<double>(matrix[1]));
  const double decay = attrs.real("weight_decay");
  if (decay != 0.0) w = w * (1.0 - lr * decay);
  const Value step = reshape(orthogonal(reshape(direction, matrix), attrs), shape);
  return finish_step(in, layout(), {w - step * (lr * rate), buffer});
}

std::vector<Sample> samples() {
  const AttrList all{{"momentum", 0.8},     {"nesterov", false},
                     {"ns_steps", 2},       {"ns_coefficients", AttrValue::Reals{1.5, -0.5, 0.1}},
                     {"eps", 1e-3},         {"adjust_lr_fn", "match_rms_adamw"},
                     {"weight_decay", 0.1}, {"maximize", true}};
  const AttrList few{{"ns_steps", 1}, {"adjust_lr_fn", "spectral_unclamped"}};
  return {{.inputs = step_sample(layout(), {2, 3}, {}), .attrs = {{"ns_steps", 2}}},
          {.inputs = step_sample(layout(), {3, 2}, {"step", "scale"}), .attrs = all},
          {.inputs = step_sample(layout(), {1, 2, 2}, {"skip"}), .attrs = all},
          {.inputs = step_sample(layout(), {3, 2}, {"skip"}, true), .attrs = few},
          {.inputs = step_sample(layout(), {5, 3}, {}), .attrs = few},
          {.inputs = step_sample(layout(), {1, 1}, {}), .attrs = {{"ns_steps", 0}}},
          {.inputs = step_sample(layout(), {0, 3}, {})},
          {.inputs = step_sample(layout(), {768, 3072}, {}), .bench = true}};
}

}  // namespace

OpDef muon_step_op() {
  return {
      .name = "muon_step",
      .doc =
          "w (1 - lr weight_decay) - lr r o: o is Nesterov's momentum made orthogonal by "
          "Newton and Schulz's iteration, r follows from the shape by adjust_lr_fn (Muon, "
          "Jordan 2024), as torch.optim.Muon, but the iteration has the weight's dtype; of a "
          "weight of rank 3 and more the dims behind the first are one",
      .inputs = step_inputs(layout()),
      .outputs = step_outputs(layout()),
      .attributes = {{"momentum", AttrType::real, 0.95},
                     {"nesterov", AttrType::boolean, true},
                     {"ns_coefficients", AttrType::reals, AttrValue::Reals{3.4445, -4.775, 2.0315}},
                     {"eps", AttrType::real, 1e-7},
                     {"ns_steps", AttrType::integer, 5},
                     {"adjust_lr_fn", AttrType::text, "original"},
                     {"weight_decay", AttrType::real, 0.0},
                     {"maximize", AttrType::boolean, false}},
      .infer = infer,
      .composite = composite,
      .autocast = AutocastClass::full_precision,
      .samples = samples};
}

}  // namespace gradus
