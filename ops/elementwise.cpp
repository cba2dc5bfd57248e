// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

#include <bit>
#include <cmath>
#include <limits>

#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "kernels/elementwise.h"
#include "ops/cuda_variants.h"
#include "ops/elementwise_gradients.h"
#include "ops/ops.h"
#include "ops/row_norm.h"

namespace gradus {
namespace {

using kernels::Pointwise;

enum class Kind { real, number, test };

// How a row's attributes become the two numbers a tile function takes.
struct Parameters {
  enum class Form { none, reals, bounds, choice, decimals } form = Form::none;
  std::vector<AttrSpec> attributes = {};
  std::vector<std::string_view> choices = {};

  // Throws, naming `op`, for what a row does not take.
  std::array<double, 2> values(const Attrs& attrs, std::string_view op) const;
};

Parameters none() { return {}; }

Parameters reals(std::string_view name, double value) {
  return {Parameters::Form::reals, {{name, AttrType::real, value}}};
}

Parameters reals(std::string_view name0, double value0, std::string_view name1, double value1) {
  return {Parameters::Form::reals,
          {{name0, AttrType::real, value0}, {name1, AttrType::real, value1}}};
}

Parameters bounds(std::string_view lower, std::string_view upper) {
  return {Parameters::Form::bounds, {{lower, AttrType::real}, {upper, AttrType::real}}};
}

Parameters decimals() { return {Parameters::Form::decimals, {{"decimals", AttrType::integer, 0}}}; }

// The first choice is the default; for div it is "no rounding", whose name is none.
Parameters choice(std::string_view name, std::string_view first, std::string_view second) {
  if (name == "rounding_mode")
    return {Parameters::Form::choice, {{name, AttrType::text}}, {"", first, second}};
  return {Parameters::Form::choice, {{name, AttrType::text, first}}, {first, second}};
}

std::array<double, 2> Parameters::values(const Attrs& attrs, std::string_view op) const {
  std::array<double, 2> result{0, 0};
  switch (form) {
    case Form::none:
      break;
    case Form::reals:
      for (size_t i = 0; i < attributes.size(); ++i) result[i] = attrs.real(attributes[i].name);
      GRADUS_CHECK(op != "hardtanh" || !(result[0] > result[1]),
                   "[hardtanh] attribute 'min_val', expected at most max_val ({}), got {}",
                   result[1], result[0]);
      break;
    case Form::bounds: {
      const double infinity = std::numeric_limits<double>::infinity();
      const std::string_view lower = attributes[0].name, upper = attributes[1].name;
      result = {attrs.has(lower) ? attrs.real(lower) : -infinity,
                attrs.has(upper) ? attrs.real(upper) : infinity};
      GRADUS_CHECK(attrs.has(lower) || attrs.has(upper),
                   "[{}] attributes '{}' and '{}', expected at least one of them", op, lower,
                   upper);
      break;
    }
    case Form::decimals:
      result[0] = static_cast<double>(attrs.integer("decimals"));
      break;
    case Form::choice: {
      const std::string_view name = attributes[0].name;
      const std::string_view text = attrs.has(name) ? std::string_view(attrs.text(name)) : "";
      const auto found = std::find(choices.begin(), choices.end(), text);
      GRADUS_CHECK(found != choices.end() && (attrs.has(name) == !text.empty()),
                   "[{}] attribute '{}', expected '{}' or '{}', got '{}'", op, name,
                   choices[choices.size() - 2], choices.back(), text);
      result[0] = static_cast<double>(found - choices.begin());
    }
  }
  return result;
}

// What the functions below know of a row; one constant per row, found again through the template
// parameter.
struct Row {
  std::string_view name;
  Kind kind;
  Parameters parameters;
};

const Row& row(Pointwise op) {
  static const std::vector<Row>* rows = new std::vector<Row>{
#define GRADUS_UNARY(name, kind, parameters, ...) Row{#name, Kind::kind, parameters},
#define GRADUS_BINARY(name, kind, parameters, ...) Row{#name, Kind::kind, parameters},
#define GRADUS_TERNARY(name, kind, ...) Row{#name, Kind::kind, none()},
#include "kernels/elementwise.inc"
#undef GRADUS_UNARY
#undef GRADUS_BINARY
#undef GRADUS_TERNARY
  };
  return (*rows)[static_cast<size_t>(op)];
}

bool truncates(Pointwise op, const Attrs& attrs) {
  return op == Pointwise::div && attrs.has("rounding_mode");
}

// The inputs that take part in type promotion: all but where's condition.
std::span<const TensorSpec> promoted(Pointwise op, std::span<const TensorSpec> in) {
  return op == Pointwise::where ? in.subspan(1) : in;
}

// A bound that is no whole number is a float to PyTorch, and promotes as one.
bool has_real_bound(Pointwise op, const Attrs& attrs) {
  if (op != Pointwise::clamp) return false;
  const auto is_real = [&](std::string_view name) {
    const double bound = attrs.has(name) ? attrs.real(name) : 0;
    return bound != std::trunc(bound) || std::isinf(bound);
  };
  return is_real("min") || is_real("max");
}

DType value_type(Pointwise op, std::span<const TensorSpec> in, const Attrs& attrs) {
  const DType type = result_type(promoted(op, in), row(op).name);
  const bool real = row(op).kind == Kind::real || has_real_bound(op, attrs) ||
                    (op == Pointwise::div && !truncates(op, attrs));
  // As pow(x, 2), and as numbers between whole bounds.
  const bool counted = op == Pointwise::square || (op == Pointwise::clamp && !real);
  if (counted && type == DType::bool_) return DType::i64;
  return real && !is_floating(type) ? DType::f32 : type;
}

DType compute_type(DType value) {
  if (value == DType::f64) return DType::f64;
  return is_floating(value) ? DType::f32 : DType::i64;
}

bool has_alpha(Pointwise op) { return op == Pointwise::add || op == Pointwise::sub; }

// Within i64.
bool is_whole(double value) {
  return value == std::trunc(value) && std::fabs(value) < 9223372036854775808.0;
}

// Bounds of whole numbers lose their fraction.
void check_whole_bounds(DType type, const Attrs& attrs) {
  GRADUS_CHECK(type != DType::bool_, "[hardtanh] dtype, expected numbers, got bool");
  for (const std::string_view bound : {"min_val", "max_val"})
    GRADUS_CHECK(is_whole(std::trunc(attrs.real(bound))),
                 "[hardtanh] attribute '{}', expected a number of i64 for {}, got {}", bound,
                 dtype_name(type), attrs.real(bound));
  GRADUS_CHECK(type != DType::u8 || attrs.real("max_val") > -1,
               "[hardtanh] attribute 'max_val', expected 0 or more for u8, got {}",
               attrs.real("max_val"));
}

// What PyTorch refuses too: a difference of truth values, a fraction of whole numbers.
void check_arithmetic(Pointwise op, DType type, const Attrs& attrs) {
  const std::string_view name = row(op).name;
  GRADUS_CHECK(contains(all_types, type), "[{}] does not compute in {}", name, dtype_name(type));
  GRADUS_CHECK(type != DType::bool_ || (op != Pointwise::sub && op != Pointwise::neg),
               "[{}] dtype, expected numbers, got bool; see logical_not and ne", name);
  GRADUS_CHECK(!has_alpha(op) || is_floating(type) || is_whole(attrs.real("alpha")),
               "[{}] attribute 'alpha', expected a whole number for {}, got {}", name,
               dtype_name(type), attrs.real("alpha"));
  if (op == Pointwise::hardtanh && !is_floating(type)) check_whole_bounds(type, attrs);
}

// Rows whose operands PyTorch takes in some dtypes only.
void check_operands(Pointwise op, std::span<const TensorSpec> in) {
  const auto is_bool = [](const TensorSpec& spec) { return spec.dtype == DType::bool_; };
  GRADUS_CHECK(op != Pointwise::sub || std::ranges::none_of(in, is_bool),
               "[sub] dtypes, expected numbers, got {} and {}; see logical_not and ne",
               dtype_name(in[0].dtype), dtype_name(in[1].dtype));
  GRADUS_CHECK(op != Pointwise::heaviside || in[0].dtype == in[1].dtype,
               "[heaviside] expected operands of one dtype, got {} and {}", dtype_name(in[0].dtype),
               dtype_name(in[1].dtype));
  GRADUS_CHECK(op != Pointwise::where || is_bool(in[0]) || in[0].dtype == DType::u8,
               "[where] input 0 ('condition') dtype, expected bool, got {}",
               dtype_name(in[0].dtype));
}

// Whether an operand is a scalar of a wider integer than the others' dtype, which rules the
// result's; its value is then wrapped to that dtype first.
bool wraps(const TensorSpec& spec, DType type) {
  return spec.shape.rank() == 0 && !is_floating(type) && type != DType::bool_ &&
         spec.dtype != DType::bool_ && dtype_bits(spec.dtype) > dtype_bits(type);
}

// The numbers that a tile function takes; in bool, alpha is a truth value too.
std::array<double, 2> parameter_values(Pointwise op, DType type, const Attrs& attrs) {
  std::array<double, 2> values = row(op).parameters.values(attrs, row(op).name);
  if (has_alpha(op) && type == DType::bool_) values[0] = values[0] != 0 ? 1 : 0;
  return values;
}

template <Pointwise op>
std::vector<TensorSpec> infer(const InferArgs& args) {
  const std::string_view name = row(op).name;
  const DType type = value_type(op, args.in, args.attrs);
  check_operands(op, args.in);
  check_arithmetic(op, type, args.attrs);
  (void)parameter_values(op, type, args.attrs);
  Shape shape = args.in[0].shape;
  for (size_t i = 1; i < args.in.size(); ++i) shape = broadcast(shape, args.in[i].shape, name);
  return {{row(op).kind == Kind::test ? DType::bool_ : type, shape}};
}

using Evaluate = void (*)(const kernels::PointwiseArgs&);

// An op as a program of one instruction.
class OneStep {
 public:
  OneStep(Pointwise op, const RunArgs& args) : shape_(args.out[0].shape), count_(args.in.size()) {
    std::array<TensorSpec, 3> specs;
    step_.op = op;
    for (size_t i = 0; i < count_; ++i) {
      inputs_[i] = {args.in[i].data, args.in[i].dtype, args.in[i].shape};
      specs[i] = {args.in[i].dtype, args.in[i].shape};
      step_.sources[i] = static_cast<int>(i);
    }
    type_ = value_type(op, std::span(specs).first(count_), args.attrs);
    // Of a wider integer the lowest bytes are the wrapped value, and come first in memory.
    static_assert(std::endian::native == std::endian::little);
    for (size_t i = 0; i < count_; ++i)
      if (wraps(specs[i], type_)) inputs_[i].dtype = type_;
    step_.parameters = parameter_values(op, type_, args.attrs);
    output_ = {args.out[0].data, args.out[0].dtype, static_cast<int>(count_)};
  }

  kernels::PointwiseArgs program() const {
    return {compute_type(type_), shape_, std::span(inputs_).first(count_), std::span(&step_, 1),
            std::span(&output_, 1)};
  }

 private:
  Shape shape_;
  size_t count_;
  DType type_;
  std::array<kernels::PointwiseInput, 3> inputs_;
  kernels::PointwiseInstruction step_{};
  kernels::PointwiseOutput output_{};
};

void run_with(Evaluate evaluate, Pointwise op, const RunArgs& args) {
  const OneStep step(op, args);
  evaluate(step.program());
}

template <class>
void run_on_cuda(Pointwise op, const RunArgs& args) {
  const OneStep step(op, args);
  kernels::pointwise_cuda(step.program(), args.stream);
}

template <Pointwise op, Evaluate evaluate>
void run(const RunArgs& args) {
  run_with(evaluate, op, args);
}

template <Pointwise op, class Tag>
void run_cuda(const RunArgs& args) {
  run_on_cuda<Tag>(op, args);
}

template <Pointwise op>
bool computes_in_f32(const KernelQuery& query) {
  return compute_type(value_type(op, query.in, query.attrs)) == DType::f32;
}

template <Pointwise op>
std::vector<KernelVariant> variants() {
  std::vector<KernelVariant> rows;
#if defined(__x86_64__) || defined(__i386__)
  rows.push_back(
      {"avx512", run<op, kernels::pointwise_cpu_avx512>, nullptr,
       [](const KernelQuery& query) { return query.device.avx512 && computes_in_f32<op>(query); }});
  rows.push_back(
      {"avx2", run<op, kernels::pointwise_cpu_avx2>, nullptr,
       [](const KernelQuery& query) { return query.device.avx2 && computes_in_f32<op>(query); }});
#endif
  rows.push_back({"reference", run<op, kernels::pointwise_cpu_reference>});
  return rows;
}

template <Pointwise op>
std::optional<PointwiseCode> pointwise(const InferArgs& args) {
  const DType type = value_type(op, args.in, args.attrs);
  for (const TensorSpec& spec : args.in)
    if (wraps(spec, type)) return std::nullopt;
  const std::array<double, 2> values = parameter_values(op, type, args.attrs);
  return PointwiseCode{static_cast<int>(op), compute_type(type), {values[0], values[1]}};
}

template <Pointwise op>
Cost cost(const KernelQuery& query) {
  Cost cost{static_cast<double>(query.out[0].numel()), static_cast<double>(query.out[0].bytes())};
  for (const TensorSpec& spec : query.in) cost.bytes += static_cast<double>(spec.bytes());
  return cost;
}

// --- gradients
// -------------------------------------------------------------------------------------------------------

struct NoGradient {};
constexpr NoGradient no_gradient;
Value gradient_value(Value value) { return value; }
Value gradient_value(NoGradient) {
  GRADUS_ASSERT(false, "a piecewise constant op has no gradient function");
}

std::vector<Value> where_gradients(Value condition, Value dy) {
  return {Value(), where(condition, dy, zero(dy)), where(condition, zero(dy), dy)};
}

// --- samples
// ---------------------------------------------------------------------------------------------------------

SampleInput operand(const Shape& shape, double lo, double hi) {
  return {.shape = shape, .fill = Fill::distinct, .lo = lo, .hi = hi};
}

// Every attribute off its default, one set per form.
std::vector<AttrList> attribute_sets(Pointwise op) {
  const Parameters& parameters = row(op).parameters;
  std::vector<AttrList> sets;
  if (parameters.form != Parameters::Form::bounds) sets.emplace_back();
  switch (parameters.form) {
    case Parameters::Form::none:
      break;
    case Parameters::Form::reals: {
      AttrList set;
      for (const AttrSpec& spec : parameters.attributes)
        set.emplace_back(spec.name, *spec.default_value.as<double>() * 0.75 + 0.011);
      sets.push_back(set);
      break;
    }
    case Parameters::Form::bounds:
      sets.push_back({{"min", -0.51}, {"max", 0.72}});
      sets.push_back({{"max", 0.33}});
      break;
    case Parameters::Form::decimals:
      sets.push_back({{"decimals", 1}});
      break;
    case Parameters::Form::choice:
      for (std::string_view text : parameters.choices)
        if (!text.empty()) sets.push_back({{parameters.attributes[0].name, text}});
      break;
  }
  return sets;
}

std::vector<std::vector<Shape>> sample_shapes(int arity) {
  if (arity == 1) return {{{3, 5}}, {{}}, {{0, 4}}, {{1}}, {{2, 3, 7}}, {{1031}}};
  if (arity == 2)
    return {{{3, 5}, {3, 5}},    {{3, 5}, {5}},    {{1, 5}, {3, 1}}, {{}, {7}},
            {{2, 1, 4}, {3, 1}}, {{0, 3}, {1, 3}}, {{1}, {}}};
  return {{{3, 5}, {3, 5}, {3, 5}}, {{5}, {3, 1}, {}}, {{3, 1}, {5}, {3, 5}}, {{0}, {1}, {}}};
}

template <Pointwise op>
std::vector<Sample> samples(double lo, double hi) {
  std::vector<Sample> list;
  const int arity = kernels::pointwise_arity(op);
  for (const AttrList& attrs : attribute_sets(op)) {
    for (const std::vector<Shape>& shapes : sample_shapes(arity)) {
      Sample sample{.inputs = {}, .attrs = attrs};
      for (const Shape& shape : shapes) sample.inputs.push_back(operand(shape, lo, hi));
      if (op == Pointwise::where)
        sample.inputs[0] = {
            .shape = shapes[0], .dtype = DType::bool_, .fill = Fill::integers, .lo = 0, .hi = 2};
      list.push_back(sample);
    }
  }
  Sample large{.inputs = {}, .attrs = attribute_sets(op).front(), .bench = true};
  for (int i = 0; i < arity; ++i) large.inputs.push_back(operand({1 << 20}, lo, hi));
  if (op == Pointwise::where)
    large.inputs[0] = {
        .shape = {1 << 20}, .dtype = DType::bool_, .fill = Fill::integers, .lo = 0, .hi = 2};
  list.push_back(large);
  return list;
}

template <Pointwise op>
OpDef define(std::string_view doc, std::vector<InputSpec> inputs) {
  OpDef def{.name = row(op).name, .doc = doc, .inputs = std::move(inputs)};
  def.attributes = row(op).parameters.attributes;
  def.dtypes = all_types;
  def.infer = infer<op>;
  def.no_grad = "piecewise constant";
  def.cpu = variants<op>();
  def.cuda = cuda_variants([](auto tag) {
    return std::vector<KernelVariant>{{"program", run_cuda<op, decltype(tag)>}};
  });
  for (int i = 0; i < static_cast<int>(def.inputs.size()); ++i) def.aliases.push_back({0, i});
  def.pointwise = pointwise<op>;
  def.half = HalfPolicy::native;  // tiles convert as they load and store
  def.cost = cost<op>;
  return def;
}

// Rows whose gradient rounds once or not at all.
bool gradient_rounds_once(Pointwise op) {
  switch (op) {
    case Pointwise::abs:
    case Pointwise::add:
    case Pointwise::clamp:
    case Pointwise::exp:
    case Pointwise::hardtanh:
    case Pointwise::leaky_relu:
    case Pointwise::log:
    case Pointwise::maximum:
    case Pointwise::minimum:
    case Pointwise::mul:
    case Pointwise::neg:
    case Pointwise::relu:
    case Pointwise::square:
    case Pointwise::sub:
      return true;
    default:
      return false;
  }
}

// What a gradient is computed from: reduced floats as f32 where they would be rounded at every
// step.
template <Pointwise op>
Value operand_of_gradient(Value x) {
  return gradient_rounds_once(op) ? x : widened(x);
}

std::string_view second_name(Pointwise op) {
  if (op == Pointwise::pow) return "exponent";
  if (op == Pointwise::gelu_backward) return "grad_output";
  return op == Pointwise::heaviside ? "values" : "other";
}

}  // namespace

std::vector<OpDef> elementwise_ops() {
  std::vector<OpDef> ops;
#define GRADUS_UNARY(NAME, KIND, PARAMETERS, EXPRESSION, GRADIENT, LO, HI, DOC)   \
  {                                                                               \
    OpDef def = define<Pointwise::NAME>(DOC, {{"input"}});                        \
    def.samples = [] { return samples<Pointwise::NAME>(LO, HI); };                \
    def.grad = [](GradArgs& args) -> std::vector<Value> {                         \
      const auto take = operand_of_gradient<Pointwise::NAME>;                     \
      [[maybe_unused]] const Value x = take(args.in[0]), out = take(args.out[0]), \
                                   dy = take(args.dout[0]);                       \
      [[maybe_unused]] const Attrs& attrs = args.attrs;                           \
      const Value gradient = gradient_value(GRADIENT);                            \
      return {gradient ? cast(gradient, args.in[0].dtype()) : gradient};          \
    };                                                                            \
    if (std::string_view(#GRADIENT) == "no_gradient") def.grad = nullptr;         \
    ops.push_back(std::move(def));                                                \
  }
#define GRADUS_BINARY(NAME, KIND, PARAMETERS, EXPRESSION, GRADIENT_X, GRADIENT_Y, LO, HI, DOC) \
  {                                                                                            \
    OpDef def = define<Pointwise::NAME>(DOC, {{"input"}, {second_name(Pointwise::NAME)}});     \
    def.samples = [] { return samples<Pointwise::NAME>(LO, HI); };                             \
    def.grad = [](GradArgs& args) -> std::vector<Value> {                                      \
      const DType type = args.out[0].dtype();                                                  \
      const auto take = operand_of_gradient<Pointwise::NAME>;                                  \
      [[maybe_unused]] const Value x = take(cast(args.in[0], type)),                           \
                                   y = take(cast(args.in[1], type));                           \
      [[maybe_unused]] const Value out = take(args.out[0]), dy = take(args.dout[0]);           \
      [[maybe_unused]] const Attrs& attrs = args.attrs;                                        \
      std::vector<Value> result(2);                                                            \
      if (args.wants(0)) result[0] = reduce_like(gradient_value(GRADIENT_X), args.in[0]);      \
      if (args.wants(1)) result[1] = reduce_like(gradient_value(GRADIENT_Y), args.in[1]);      \
      return result;                                                                           \
    };                                                                                         \
    if (std::string_view(#GRADIENT_X) == "no_gradient") def.grad = nullptr;                    \
    ops.push_back(std::move(def));                                                             \
  }
#define GRADUS_TERNARY(NAME, KIND, EXPRESSION, GRADIENTS, DOC)                       \
  {                                                                                  \
    OpDef def = define<Pointwise::NAME>(                                             \
        DOC, {{"condition", InputKind::required, false}, {"input"}, {"other"}});     \
    def.samples = [] { return samples<Pointwise::NAME>(-2, 2); };                    \
    def.grad = [](GradArgs& args) -> std::vector<Value> {                            \
      const Value x = args.in[0], dy = args.dout[0];                                 \
      std::vector<Value> result = GRADIENTS;                                         \
      for (size_t i = 1; i < 3; ++i) result[i] = reduce_like(result[i], args.in[i]); \
      return result;                                                                 \
    };                                                                               \
    ops.push_back(std::move(def));                                                   \
  }
#include "kernels/elementwise.inc"
#undef GRADUS_UNARY
#undef GRADUS_BINARY
#undef GRADUS_TERNARY
  return ops;
}

}  // namespace gradus
