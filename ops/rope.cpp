// SPDX-License-Identifier: Apache-2.0
#include "kernels/rope.h"

#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {
namespace {

constexpr int64_t max_offset = int64_t{1} << 53;  // exact in f64

Shape without_last(const Shape& shape) {
  Shape rows = shape;
  rows.erase(shape.rank() - 1);
  return rows;
}

void check_positions(const InferArgs& args, const Shape& rows) {
  const TensorSpec& positions = args.in[1];
  GRADUS_CHECK(positions.dtype == DType::i64,
               "[rope] input 1 ('positions') dtype, expected i64, got {}",
               dtype_name(positions.dtype));
  bool fits = positions.shape.rank() <= rows.rank();
  const int shift = rows.rank() - positions.shape.rank();
  for (int d = 0; fits && d < positions.shape.rank(); ++d)
    fits = positions.shape[d] == 1 || positions.shape[d] == rows[d + shift];
  GRADUS_CHECK(fits, "[rope] input 1 ('positions'), expected a shape that broadcasts to {}, got {}",
               to_string(rows), to_string(positions.shape));
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  const Shape& in = args.in[0].shape;
  GRADUS_CHECK(in.rank() >= 2,
               "[rope] input 0 ('input'), expected (..., seq, head_dim), got shape {}",
               to_string(in));
  GRADUS_CHECK(in[in.rank() - 1] % 2 == 0, "[rope] head_dim, expected an even number, got {}",
               in[in.rank() - 1]);
  const double base = args.attrs.real("base");
  GRADUS_CHECK(base > 0.0 && base <= 1e30, "[rope] attribute 'base', expected above 0, got {}",
               base);
  const int64_t offset = args.attrs.integer("offset");
  GRADUS_CHECK(offset >= -max_offset && offset <= max_offset,
               "[rope] attribute 'offset', expected at most 2^53 in magnitude, got {}", offset);
  if (args.has(1)) check_positions(args, without_last(in));
  return {args.in[0]};
}

kernels::RopeArgs kernel_args(DType dtype, const Shape& shape, const Shape* positions,
                              const Attrs& attrs) {
  kernels::RopeArgs rope{};
  rope.dtype = dtype;
  rope.rows = without_last(shape);
  if (positions != nullptr) rope.position_shape = *positions;
  rope.width = shape[shape.rank() - 1];
  rope.base = attrs.real("base");
  rope.offset = attrs.integer("offset");
  rope.interleaved = attrs.boolean("interleaved");
  rope.inverse = attrs.boolean("inverse");
  return rope;
}

int64_t workspace(const KernelQuery& query) {
  static constexpr int64_t some_position = 0;  // only whether there are positions matters
  kernels::RopeArgs rope = kernel_args(query.in[0].dtype, query.in[0].shape,
                                       query.has(1) ? &query.in[1].shape : nullptr, query.attrs);
  rope.positions = query.has(1) ? &some_position : nullptr;
  return dtype_bytes(rope.dtype, kernels::rope_table_count(rope));
}

void run(const RunArgs& args) {
  const TensorRef& in = args.in[0];
  if (in.numel() == 0) return;
  kernels::RopeArgs rope =
      kernel_args(in.dtype, in.shape, args.has(1) ? &args.in[1].shape : nullptr, args.attrs);
  rope.x = in.data;
  rope.positions = args.has(1) ? args.in[1].as<const int64_t>() : nullptr;
  rope.out = args.out[0].data;
  rope.table = args.workspace;
  kernels::rope_cpu(rope);
}

// A rotation's transpose is the rotation back.
std::vector<Value> grad(GradArgs& args) {
  AttrList attrs(args.attrs.all());
  for (NamedAttr& attr : attrs)
    if (attr.first == "inverse") attr.second = !args.attrs.boolean("inverse");
  return {apply1("rope", {args.dout[0], args.in[1]}, attrs), Value()};
}

std::vector<Sample> samples() {
  const auto positions = SampleInput::indices;
  return {{.inputs = {{.shape = {5, 6}}}},
          {.inputs = {{.shape = {2, 3, 4, 8}}},
           .attrs = {{"base", 500.0}, {"offset", 3}, {"interleaved", true}}},
          {.inputs = {{.shape = {2, 3, 4}}, positions({3}, 900, DType::i64)},
           .attrs = {{"inverse", true}}},
          {.inputs = {{.shape = {2, 3, 4, 2}}, positions({2, 1, 4}, 9, DType::i64)},
           .attrs = {{"interleaved", true}, {"offset", -2}}},
          {.inputs = {{.shape = {3, 1, 4}}, positions({}, 50, DType::i64)}},
          {.inputs = {{.shape = {1, 2}}}},
          {.inputs = {{.shape = {0, 4}}}},
          {.inputs = {{.shape = {3, 0}}}},
          {.inputs = {{.shape = {8, 4, 256, 64}}}, .bench = true}};
}

}  // namespace

OpDef rope_op() {
  return {
      .name = "rope",
      .doc =
          "rotates pair k of each row (..., seq, head_dim) by position * base^(-2k / head_dim); "
          "pairs are (2k, 2k+1) where interleaved, else (k, k + head_dim/2); a position is "
          "offset plus the row's place in seq, or plus positions, which broadcast to (..., seq)",
      .inputs = {{"input"}, {"positions", InputKind::optional, false}},
      .attributes = {{"base", AttrType::real, 10000.0},
                     {"offset", AttrType::integer, 0},
                     {"interleaved", AttrType::boolean, false},
                     {"inverse", AttrType::boolean, false}},
      .infer = infer,
      .grad = grad,
      .cpu = {{"reference", run, workspace}},
      .aliases = {{0, 0}},
      .samples = samples,
      .cost = [](const KernelQuery& query) {
        return Cost{3.0 * static_cast<double>(query.in[0].numel()), least_bytes(query)};
      }};
}

}  // namespace gradus
