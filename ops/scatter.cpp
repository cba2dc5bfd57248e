// SPDX-License-Identifier: Apache-2.0
#include "kernels/scatter.h"

#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "engine/op/registry.h"
#include "ops/movement.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {
namespace {

// What `reduce` asks for; none replaces.
enum class Reduce { replace, add, multiply };

Reduce reduce_of(const Attrs& attrs) {
  if (!attrs.has("reduce")) return Reduce::replace;
  const std::string& text = attrs.text("reduce");
  GRADUS_CHECK(text == "add" || text == "multiply",
               "[scatter] attribute 'reduce', expected 'add' or 'multiply', got '{}'", text);
  return text == "add" ? Reduce::add : Reduce::multiply;
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  (void)reduce_of(args.attrs);
  check_index_dtype(args, 1, "index");
  const Shape shape = at_least_1d(args.in[0].shape), index = at_least_1d(args.in[1].shape);
  const int dim = normalize_dim(args.attrs.integer("dim"), shape.rank(), args.op);
  GRADUS_CHECK(args.has(2) != args.attrs.has("value"),
               "[scatter] expected either input 2 ('src') or attribute 'value', got {}",
               args.has(2) ? "both" : "neither");
  GRADUS_CHECK(!args.has(2) || args.in[2].dtype == args.in[0].dtype,
               "[scatter] input 2 ('src') dtype, expected {}, got {}", dtype_name(args.in[0].dtype),
               dtype_name(args.in[2].dtype));
  if (args.attrs.has("value"))
    (void)element_value(args.op, "value", args.attrs.real("value"), args.in[0].dtype);
  if (index.numel() > 0) {
    check_index_shape(args.op, index, shape, dim, "input");
    if (args.has(2)) check_index_shape(args.op, index, at_least_1d(args.in[2].shape), -1, "src");
  }
  return {args.in[0]};
}

void run(const RunArgs& args) {
  const TensorRef &in = args.in[0], &index = args.in[1];
  const Shape shape = at_least_1d(in.shape);
  kernels::ScatterArgs scatter{in.dtype,
                               in.data,
                               shape,
                               index_array(index),
                               at_least_1d(index.shape),
                               normalize_dim(args.attrs.integer("dim"), shape.rank(), "scatter"),
                               nullptr,
                               {},
                               0,
                               args.out[0].data};
  if (args.has(2)) {
    scatter.src = args.in[2].data;
    scatter.src_shape = at_least_1d(args.in[2].shape);
  } else {
    const double value = element_value("scatter", "value", args.attrs.real("value"), in.dtype);
    scatter.value = element_bits(value, in.dtype);
  }
  const Reduce reduce = reduce_of(args.attrs);
  if (reduce == Reduce::replace) return kernels::scatter_cpu(scatter);
  kernels::scatter_reduce_cpu(scatter, reduce == Reduce::multiply);
}

// Where several elements of src went to one place, only the last counts: each place remembers the
// number of the one that it got.
Value winners(Value input, Value index, const AttrList& dim) {
  Graph& graph = input.graph();
  const int64_t count = index.spec().numel();
  const Value numbers = reshape(
      graph.apply(get_op("arange"), {}, {{"end", count}, {"dtype", DType::i64}})[0], index.shape());
  const Value none = graph.full(input.shape(), -1.0, DType::i64);
  const Value last = apply1("scatter", {none, index, numbers}, dim);
  return apply1("eq", {apply1("gather", {last, index}, dim), numbers});
}

std::vector<Value> grad(GradArgs& args) {
  const Value dy = args.dout[0], index = args.in[1];
  const AttrList dim{{"dim", args.attrs.integer("dim")}};
  const Reduce reduce = reduce_of(args.attrs);
  if (reduce == Reduce::multiply)
    fail(ErrorKind::unsupported, "scatter",
         "reduce='multiply' has no gradient, in PyTorch neither; multiply with a gather instead");
  std::vector<Value> result(3);
  if (args.wants(0) && reduce == Reduce::add) result[0] = dy;
  if (args.wants(0) && reduce == Reduce::replace)
    result[0] = apply1("scatter", {dy, index}, {dim[0], {"value", 0.0}});
  if (args.has(2) && args.wants(2)) {
    const Shape& wanted = args.in[2].shape();
    GRADUS_CHECK(wanted == index.shape(),
                 "[scatter] a gradient of src needs src of index's shape {}, got {}",
                 to_string(index.shape()), to_string(wanted));
    const Value picked = apply1("gather", {dy, index}, dim);
    result[2] = picked;
    if (reduce == Reduce::replace)
      result[2] = where(winners(args.in[0], index, dim), picked, zeros_like(picked));
  }
  return result;
}

std::vector<Sample> samples() {
  const auto index = SampleInput::indices;
  return {
      {.inputs = {{.shape = {3, 5}}, index({3, 4}, 5, DType::i64), {.shape = {3, 4}}},
       .attrs = {{"dim", 1}}},
      {.inputs = {{.shape = {4, 3, 2}}, index({7, 2, 1}, 4, DType::i64), {.shape = {7, 2, 1}}},
       .attrs = {{"dim", 0}}},
      {.inputs = {{.shape = {3, 5}}, index({2, 9}, 5, DType::i32)},
       .attrs = {{"dim", -1}, {"value", 1.5}}},
      {.inputs = {{.shape = {3, 5}}, index({3, 4}, 5, DType::i64), {.shape = {3, 4}}},
       .attrs = {{"dim", 1}, {"reduce", "add"}}},
      {.inputs = {{.shape = {3, 5}}, index({2, 4}, 3, DType::i64)},
       .attrs = {{"dim", 0}, {"value", 1.5}, {"reduce", "multiply"}},
       .grad = false},
      {.inputs = {{.shape = {}}, index({}, 1, DType::i64), {.shape = {}}}, .attrs = {{"dim", 0}}},
      {.inputs = {{.shape = {1}}, index({1}, 1, DType::i64), {.shape = {1}}},
       .attrs = {{"dim", 0}}},
      {.inputs = {{.shape = {3, 5}}, index({0, 4}, 5, DType::i64), {.shape = {0, 4}}},
       .attrs = {{"dim", 1}}},
      {.inputs = {{.shape = {512, 1024}},
                  index({512, 512}, 1024, DType::i64),
                  {.shape = {512, 512}}},
       .attrs = {{"dim", 1}},
       .bench = true}};
}

}  // namespace

OpDef scatter_op() {
  return {
      .name = "scatter",
      .doc =
          "input with src[i][j] (or value) put at [i][index[i][j]] for dim 1, and so on; the "
          "last of several wins. reduce 'add' or 'multiply': combined with what stands there",
      .inputs = {{"input"}, {"index", InputKind::required, false}, {"src", InputKind::optional}},
      .attributes = {{"dim", AttrType::integer, {}, true},
                     {"value", AttrType::real},
                     {"reduce", AttrType::text}},
      .dtypes = all_types,
      .infer = infer,
      .grad = grad,
      .cpu = {{"reference", run}},
      .half = HalfPolicy::native,
      .aliases = {{0, 0}},
      .samples = samples,
      .cost = [](const KernelQuery& query) {
        return Cost{0, least_bytes(query)};
      }};
}

}  // namespace gradus
