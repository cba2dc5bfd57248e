// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cfloat>
#include <cmath>

#include "engine/base/error.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/optimizer_step.h"

namespace gradus {
namespace {

const StepLayout& layout() {
  static const StepLayout* layout = [] {
    auto* made = new StepLayout{{},
                                {{"row_var", InputKind::optional},
                                 {"col_var", InputKind::optional},
                                 {"variance", InputKind::optional}},
                                true};
    made->row = "row_var";
    made->column = "col_var";
    return made;
  }();
  return *layout;
}

size_t rows_input() { return layout().skip() + 1; }

std::vector<TensorSpec> infer(const InferArgs& args) {
  const Attrs& attrs = args.attrs;
  const std::string_view not_negative[] = {"eps2", "weight_decay"};
  check_not_negative(args, not_negative);
  GRADUS_CHECK(!attrs.has("eps1") || attrs.real("eps1") >= 0.0,
               "[{}] attribute 'eps1', expected at least 0, got {}", args.op, attrs.real("eps1"));
  GRADUS_CHECK(attrs.real("beta2_decay") <= 0.0,
               "[{}] attribute 'beta2_decay', expected at most 0, got {}", args.op,
               attrs.real("beta2_decay"));
  GRADUS_CHECK(attrs.real("d") >= 1.0, "[{}] attribute 'd', expected at least 1, got {}", args.op,
               attrs.real("d"));
  const bool matrix = args.in[0].shape.rank() >= 2;
  const std::string_view because =
      matrix ? "the weight has rank 2 or more" : "the weight has rank 0 or 1";
  check_state(args, layout(), rows_input(), matrix, because);
  check_state(args, layout(), rows_input() + 1, matrix, because);
  check_state(args, layout(), rows_input() + 2, !matrix, because);
  return infer_step(args, layout());
}

// The distance from 1 to the next number of the dtype.
double epsilon(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return DBL_EPSILON;
    case DType::f16:
      return 0x1p-10;
    case DType::bf16:
      return 0x1p-7;
    default:
      return FLT_EPSILON;
  }
}

Value at_least(Value x, double least) { return maximum(x, zero(x) + least); }

// Of an empty dim 0.
Value mean_over(Value x, int64_t dim) {
  const Shape shape = x.shape();
  const int64_t size = std::max<int64_t>(shape[shape.rank() + static_cast<int>(dim)], 1);
  return sum(x, {dim}, true) / static_cast<double>(size);
}

// The root of the mean square of all elements, in f64.
Value root_mean_square(Value x) {
  const auto count = static_cast<double>(std::max<int64_t>(x.shape().numel(), 1));
  return cast(apply1("global_norm", {x}), DType::f64) / std::sqrt(count);
}

// Gradients' mean squares, of a matrix as a product of one number a row and one a column.
struct Squares {
  Value rows, columns, all;  // next states; absent: none
  Value estimate;
};

Squares next_squares(std::span<const Value> in, Value g, Value share, double eps1) {
  const auto toward = [&](size_t input, Value mean) {
    const Value old = cast(in[input], g.dtype());
    return old + (mean - old) * share;
  };
  if (in[rows_input() + 2]) {
    const Value all = toward(rows_input() + 2, square(g));
    return {{}, {}, all, all};
  }
  const Value rows = toward(rows_input(), mean_over(square(g), -1));
  const Value columns = toward(rows_input() + 1, mean_over(square(g), -2));
  return {rows, columns, {}, rows * columns / at_least(mean_over(rows, -2), eps1)};
}

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const double eps1 = attrs.has("eps1") ? attrs.real("eps1") : epsilon(in[0].dtype());
  const Value lr = step_scalar(in, layout().lr()), step = step_scalar(in, layout().lr() + 1);
  const Value g = step_gradient(in, attrs, layout(), false);
  Value w = cast(in[0], g.dtype());
  const Value share = pow(step, step.graph().scalar(attrs.real("beta2_decay"), DType::f64));
  const Value rate =
      at_least(root_mean_square(w), attrs.real("eps2")) * minimum(lr, 1.0 / sqrt(step));
  const double decay = attrs.real("weight_decay");
  if (decay != 0.0) w = w * (1.0 - lr * decay);
  const Squares next = next_squares(in, g, share, eps1);
  const Value change = g * rsqrt(at_least(next.estimate, eps1 * eps1));
  const Value size = at_least(root_mean_square(change) / attrs.real("d"), 1.0);
  return finish_step(in, layout(), {w - change * (rate / size), next.rows, next.columns, next.all});
}

// The states that a weight of this shape has, and those named.
std::vector<SampleInput> inputs(const Shape& shape, std::initializer_list<std::string_view> with,
                                bool skipped = false) {
  std::vector<SampleInput> all = step_sample(
      layout(), shape, {"step", "row_var", "col_var", "variance", "scale", "skip"}, skipped);
  const std::vector<InputSpec> names = step_inputs(layout());
  for (size_t i = layout().lr() + 2; i < all.size(); ++i) {
    const bool of_matrix = i == rows_input() || i == rows_input() + 1;
    const bool wanted = i > layout().skip() ? of_matrix == (shape.rank() >= 2)
                                            : std::ranges::find(with, names[i].name) != with.end();
    if (!wanted) all[i] = SampleInput::absent();
  }
  return all;
}

std::vector<Sample> samples() {
  const AttrList all{{"beta2_decay", -0.5}, {"eps1", 1e-3},    {"eps2", 0.1}, {"d", 1.5},
                     {"weight_decay", 0.1}, {"maximize", true}};
  return {{.inputs = inputs({3, 5}, {})},
          {.inputs = inputs({7, 2}, {"scale"}), .attrs = all},
          {.inputs = inputs({2, 3, 4}, {"skip"}), .attrs = all},
          {.inputs = inputs({6}, {"skip"}, true)},
          {.inputs = inputs({7}, {"scale"}), .attrs = all},
          {.inputs = inputs({}, {})},
          {.inputs = inputs({1}, {})},
          {.inputs = inputs({0, 3}, {})},
          {.inputs = inputs({2048, 2048}, {}), .bench = true}};
}

}  // namespace

OpDef adafactor_step_op() {
  return {.name = "adafactor_step",
          .doc =
              "Adam's step without momentum, with mean squares as one number a row and one a "
              "column of the last two dims (variance in their place below rank 2), a rate "
              "relative to the weight's size, and steps limited to a mean square of d (Shazeer "
              "and Stern 2018), as torch.optim.Adafactor",
          .inputs = step_inputs(layout()),
          .outputs = step_outputs(layout()),
          .attributes = {{"beta2_decay", AttrType::real, -0.8},
                         {"eps1", AttrType::real, AttrValue::none()},
                         {"eps2", AttrType::real, 1e-3},
                         {"d", AttrType::real, 1.0},
                         {"weight_decay", AttrType::real, 0.0},
                         {"maximize", AttrType::boolean, false}},
          .infer = infer,
          .composite = composite,
          .autocast = AutocastClass::full_precision,
          .samples = samples};
}

}  // namespace gradus
