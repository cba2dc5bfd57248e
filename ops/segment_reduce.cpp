// SPDX-License-Identifier: Apache-2.0
#include "kernels/segment_reduce.h"

#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "ops/movement.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {
namespace {

using kernels::SegmentReduction;

SegmentReduction reduction(const Attrs& attrs) {
  const std::string& text = attrs.text("reduce");
  if (text == "sum") return SegmentReduction::sum;
  if (text == "mean") return SegmentReduction::mean;
  if (text == "amax" || text == "max") return SegmentReduction::amax;
  if (text == "amin" || text == "min") return SegmentReduction::amin;
  GRADUS_CHECK(
      text == "prod",
      "[segment_reduce] attribute 'reduce', expected 'sum', 'mean', 'amax', 'amin' or 'prod', "
      "got '{}'",
      text);
  return SegmentReduction::prod;
}

int64_t segment_count(const InferArgs& args) {
  const size_t given = args.has(1) ? 1 : 2;
  GRADUS_CHECK(args.has(1) != args.has(2),
               "[segment_reduce] expected either input 1 ('offsets') or 2 ('segment_ids'), got {}",
               args.has(1) ? "both" : "neither");
  check_index_dtype(args, given, given == 1 ? "offsets" : "segment_ids");
  const Shape& shape = args.in[given].shape;
  GRADUS_CHECK(args.attrs.has("num_segments") == (given == 2),
               "[segment_reduce] attribute 'num_segments' belongs to input 2 ('segment_ids')");
  if (given == 1) {
    GRADUS_CHECK(
        shape.rank() == 1 && shape[0] >= 1,
        "[segment_reduce] input 1 ('offsets'), expected segments + 1 numbers, got shape {}",
        to_string(shape));
    return shape[0] - 1;
  }
  GRADUS_CHECK(shape == Shape{args.in[0].shape[0]},
               "[segment_reduce] input 2 ('segment_ids'), expected shape ({}), got {}",
               args.in[0].shape[0], to_string(shape));
  const int64_t segments = args.attrs.integer("num_segments");
  GRADUS_CHECK(segments >= 0,
               "[segment_reduce] attribute 'num_segments', expected at least 0, got {}", segments);
  return segments;
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  (void)reduction(args.attrs);
  TensorSpec out = args.in[0];
  GRADUS_CHECK(out.shape.rank() >= 1,
               "[segment_reduce] input 0 ('data'), expected at least one dim");
  out.shape[0] = segment_count(args);
  (void)dtype_bytes(DType::f64, out.numel());
  (void)dtype_bytes(DType::i64, out.shape[0]);
  return {out};
}

int64_t workspace(const KernelQuery& query) {
  const int64_t numbers = query.in[0].shape[0] + query.out[0].shape[0];
  return dtype_bytes(DType::f64, query.out[0].numel()) + dtype_bytes(DType::i64, numbers);
}

void run(const RunArgs& args) {
  const TensorRef &data = args.in[0], &out = args.out[0];
  const int64_t inner = data.shape.product(1, data.shape.rank());
  double* sums = static_cast<double*>(args.workspace);
  kernels::SegmentReduceArgs reduce{data.dtype,
                                    reduction(args.attrs),
                                    data.data,
                                    {nullptr},
                                    {nullptr},
                                    out.data,
                                    data.shape[0],
                                    out.shape[0],
                                    inner,
                                    sums,
                                    reinterpret_cast<int64_t*>(sums + out.numel())};
  if (args.has(1)) {
    reduce.offsets = index_array(args.in[1]);
  } else {
    reduce.ids = index_array(args.in[2]);
  }
  kernels::segment_reduce_cpu(reduce);
}

// The segment of each row: how many inner offsets lie at or before it.
Value segment_ids(const GradArgs& args) {
  if (args.has(2)) return args.in[2];
  const Value offsets = args.in[1];
  Graph& graph = offsets.graph();
  const int64_t rows = args.in[0].shape()[0], segments = offsets.shape()[0] - 1;
  if (segments <= 1) return graph.full({rows}, 0.0, DType::i64);
  const Value starts = apply1("slice", {offsets}, {{"start", 1}, {"end", segments}});
  const Value marks = apply1("index_add",
                             {graph.full({rows + 1}, 0.0, DType::i64), starts,
                              graph.full({segments - 1}, 1.0, DType::i64)},
                             {{"dim", 0}});
  return apply1("slice", {apply1("cumsum", {marks}, {{"dim", 0}})}, {{"end", rows}});
}

class SegmentGradient {
 public:
  explicit SegmentGradient(const GradArgs& args)
      : x_(args.in[0]), y_(args.out[0]), dy_(args.dout[0]), ids_(segment_ids(args)), args_(args) {}

  Value operator()() const {
    switch (reduction(args_.attrs)) {
      case SegmentReduction::sum:
        return spread(dy_);
      case SegmentReduction::mean:
        return spread(dy_ / at_least_one(collect(ones_like(x_))));
      case SegmentReduction::prod:
        return product();
      default:
        break;
    }
    const Value wins = cast(apply1("eq", {x_, spread(y_)}), x_.dtype());
    return spread(dy_ / at_least_one(collect(wins))) * wins;  // ties share
  }

 private:
  Value spread(Value segments) const {
    return apply1("index_select", {segments, ids_}, {{"dim", 0}});
  }
  Value collect(Value rows) const {
    return apply1("index_add", {zeros_like(y_), ids_, rows}, {{"dim", 0}});
  }
  static Value at_least_one(Value count) { return clamp(count, {{"min", 1.0}}); }

  // The product of the others: with one zero in a segment it alone has a gradient, with two none.
  Value product() const {
    const Value zero_here = apply1("eq", {x_, x_.graph().scalar(0.0, x_.dtype())});
    const Value safe = where(zero_here, ones_like(x_), x_);
    std::vector<Value> inputs{safe, args_.in[1]};
    if (args_.has(2)) inputs = {safe, Value(), args_.in[2]};
    const Value others = spread(apply1("segment_reduce", inputs, args_.attrs.all())) / safe;
    const Value zeros = cast(zero_here, x_.dtype());
    const Value counts = apply1("eq", {spread(collect(zeros)), zeros});
    return where(counts, spread(dy_) * others, zeros_like(x_));
  }

  Value x_, y_, dy_, ids_;
  const GradArgs& args_;
};

std::vector<Value> grad(GradArgs& args) { return {SegmentGradient(args)(), Value(), Value()}; }

SampleInput offsets(int64_t segments, int64_t rows, DType dtype = DType::i64) {
  return {.shape = {segments + 1},
          .dtype = dtype,
          .fill = Fill::offsets,
          .lo = 0,
          .hi = static_cast<double>(rows)};
}

// Few segments for many rows where an empty one would give infinities.
std::vector<Sample> samples() {
  const auto data = [](const Shape& shape) {
    return SampleInput{.shape = shape, .fill = Fill::distinct, .lo = 0.3, .hi = 2};
  };
  const SampleInput none = SampleInput::absent();
  const SampleInput ids = SampleInput::indices({9}, 2, DType::i64);
  std::vector<Sample> list;
  for (std::string_view reduce : {"sum", "mean", "amax", "amin", "prod"}) {
    list.push_back({.inputs = {data({17, 3}), offsets(2, 17)}, .attrs = {{"reduce", reduce}}});
    list.push_back({.inputs = {data({9, 2, 5}), none, ids},
                    .attrs = {{"reduce", reduce}, {"num_segments", 2}}});
  }
  list.push_back({.inputs = {data({7, 3}), offsets(5, 7)}, .attrs = {{"reduce", "sum"}}});
  list.push_back(
      {.inputs = {data({9}), none, ids}, .attrs = {{"reduce", "prod"}, {"num_segments", 4}}});
  list.push_back({.inputs = {data({5}), offsets(1, 5, DType::i32)}, .attrs = {{"reduce", "max"}}});
  list.push_back({.inputs = {data({1}), offsets(1, 1)}, .attrs = {{"reduce", "min"}}});
  list.push_back({.inputs = {data({0, 3}), offsets(2, 0)}, .attrs = {{"reduce", "sum"}}});
  list.push_back({.inputs = {data({65536, 64}), offsets(4096, 65536)},
                  .attrs = {{"reduce", "sum"}},
                  .bench = true});
  return list;
}

}  // namespace

OpDef segment_reduce_op() {
  return {
      .name = "segment_reduce",
      .doc =
          "reduces groups of rows of data: row r is in the segment s with offsets[s] <= r < "
          "offsets[s+1], or in segment_ids[r] of num_segments; reduce is sum, mean, amax, amin or "
          "prod; ties share the gradient",
      .inputs = {{"data"},
                 {"offsets", InputKind::optional, false},
                 {"segment_ids", InputKind::optional, false}},
      .attributes = {{"reduce", AttrType::text, {}, true}, {"num_segments", AttrType::integer}},
      .infer = infer,
      .grad = grad,
      .cpu = {{"reference", run, workspace}},
      .samples = samples,
      .cost = [](const KernelQuery& query) {
        return Cost{static_cast<double>(query.in[0].numel()), least_bytes(query)};
      }};
}

}  // namespace gradus
