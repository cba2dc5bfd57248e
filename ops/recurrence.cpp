// SPDX-License-Identifier: Apache-2.0
#include "ops/recurrence.h"

#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "ops/cpu_variants.h"
#include "ops/matmul_support.h"
#include "ops/onednn_variant.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/row_norm.h"
#include "ops/support.h"

namespace gradus {
namespace {

using kernels::Cell;
using kernels::RecurrenceShape;

enum Input { x_in, hx_in, cx_in, lengths_in, weight_in, bias_in };

RecurrenceShape shape_of(std::span<const TensorRef> in, const Attrs& attrs) {
  return recurrence_shape("recurrence", in[x_in].shape[0], in[hx_in].shape, attrs);
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec &x = args.in[x_in], &hx = args.in[hx_in];
  GRADUS_CHECK(x.shape.rank() == 3 && x.shape[0] > 0,
               "[{}] input, expected (steps, batch, gates) with at least one step, got {}", args.op,
               to_string(x));
  GRADUS_CHECK(hx.shape.rank() == 2, "[{}] hx, expected (batch, hidden), got {}", args.op,
               to_string(hx));
  const RecurrenceShape s = recurrence_shape(args.op, x.shape[0], hx.shape, args.attrs);
  const int64_t width = Shape{s.gates(), s.hidden}.numel();
  GRADUS_CHECK(x.shape == Shape({s.steps, s.batch, width}),
               "[{}] input, expected {} gates of {} for a batch of {}, got {}", args.op, s.gates(),
               s.hidden, s.batch, to_string(x));
  expect_spec(args, hx_in, "hx", {x.dtype, {s.batch, s.hidden}});
  expect_spec(args, cx_in, "cx", {x.dtype, {s.batch, s.hidden}});
  expect_spec(args, lengths_in, "lengths", {DType::i64, {s.batch}});
  expect_spec(args, weight_in, "weight_hh", {x.dtype, {width, s.hidden}});
  expect_spec(args, bias_in, "bias_hh", {x.dtype, {width}});
  GRADUS_CHECK(args.has(cx_in) == (s.cell == Cell::lstm), "[{}] cx, expected with mode lstm only",
               args.op);
  const int64_t cells = s.cell == Cell::lstm ? s.hidden : 0;
  return {{x.dtype, {s.steps, s.batch, s.hidden}},
          {x.dtype, {s.steps, s.batch, cells}},
          {statistics_dtype(x.dtype), {s.steps, s.batch, s.saved() * s.hidden}}};
}

kernels::RecurrenceArgs bind(const RunArgs& args) {
  const RecurrenceShape s = shape_of(args.in, args.attrs);
  const auto in = [&](size_t i) -> const void* { return args.has(i) ? args.in[i].data : nullptr; };
  return {args.in[x_in].dtype,
          in(x_in),
          in(hx_in),
          in(cx_in),
          in(weight_in),
          in(bias_in),
          checked_lengths(args.in[lengths_in], s.steps, "recurrence"),
          args.out[0].data,
          s.cell == Cell::lstm ? args.out[1].data : nullptr,
          args.out[2].data,
          s,
          args.workspace};
}

// Lengths are checked where they are bound, so there is no asking about them before they exist.
bool has_no_lengths(const KernelQuery& query) { return !query.has(lengths_in); }

int64_t packed_workspace(const KernelQuery& query) {
  return kernels::recurrence_packed_workspace(
      recurrence_shape("recurrence", query.in[x_in].shape[0], query.in[hx_in].shape, query.attrs));
}

// The state before each step, (steps, batch, hidden).
Value previous_states(Value hx, Value hidden, bool reverse) {
  const Value first = unsqueeze(hx, 0);
  const int64_t steps = hidden.shape()[0];
  if (steps == 1) return first;
  const Value others = reverse ? apply1("slice", {hidden}, {{"dim", 0}, {"start", 1}})
                               : apply1("slice", {hidden}, {{"dim", 0}, {"end", steps - 1}});
  return apply1("cat",
                reverse ? std::vector<Value>{others, first} : std::vector<Value>{first, others},
                {{"dim", 0}});
}

std::vector<Value> grad(GradArgs& args) {
  const Value x = args.in[x_in], hx = args.in[hx_in];
  const RecurrenceShape s = recurrence_shape("recurrence", x.shape()[0], hx.shape(), args.attrs);
  const bool lstm = s.cell == Cell::lstm;
  const std::vector<Value> parts =
      apply("recurrence_backward",
            {args.dout_or_zeros(0), lstm ? args.dout[1] : Value(), args.dout[2], args.out[0],
             args.out[1], args.out[2], hx, args.in[cx_in], args.in[lengths_in], args.in[weight_in]},
            {args.attrs.all().begin(), args.attrs.all().end()});
  std::vector<Value> result(args.in.size());
  const Value dm = s.cell == Cell::gru ? parts[1] : parts[0];
  result[x_in] = parts[0];
  result[hx_in] = parts[2];
  if (lstm) result[cx_in] = parts[3];
  if (args.wants(weight_in)) {
    const Value states = previous_states(hx, args.out[0], s.reverse);
    const int64_t rows = s.steps * s.batch;
    result[weight_in] =
        gemm(reshape(dm, {rows, s.gates() * s.hidden}), reshape(states, {rows, s.hidden}), true);
  }
  if (args.has(bias_in)) result[bias_in] = sum(dm, {0, 1});
  return result;
}

Sample layer(const char* mode, int64_t gates, const Shape& sizes, bool lengths, bool bias,
             bool reverse) {
  const int64_t steps = sizes[0], batch = sizes[1], hidden = sizes[2];
  const SampleInput state{.shape = {batch, hidden}}, absent = SampleInput::absent();
  const bool lstm = std::string_view(mode) == "lstm";
  return {.inputs = {{.shape = {steps, batch, gates * hidden}},
                     state,
                     lstm ? state : absent,
                     lengths ? SampleInput::indices({batch}, steps + 1) : absent,
                     {.shape = {gates * hidden, hidden}},
                     bias ? SampleInput{.shape = {gates * hidden}} : absent},
          .attrs = {{"mode", mode}, {"reverse", reverse}}};
}

std::vector<Sample> samples() {
  std::vector<Sample> list{layer("rnn_tanh", 1, {3, 2, 3}, false, false, false),
                           layer("rnn_relu", 1, {3, 2, 3}, false, true, false),
                           layer("lstm", 4, {3, 2, 3}, false, false, false),
                           layer("lstm", 4, {3, 2, 2}, true, true, true),
                           layer("gru", 3, {3, 2, 3}, false, true, false),
                           layer("gru", 3, {3, 3, 2}, true, false, true),
                           layer("rnn_tanh", 1, {4, 3, 2}, true, false, true),
                           layer("lstm", 4, {1, 1, 1}, false, false, false),
                           layer("gru", 3, {2, 0, 3}, false, false, false),
                           layer("lstm", 4, {3, 37, 19}, true, false, false),
                           layer("gru", 3, {3, 5, 35}, false, true, true),
                           layer("lstm", 4, {64, 32, 256}, false, false, false)};
  list[9].grad = list[9].second = list[10].grad = list[10].second = false;
  list.back().bench = true;
  return list;
}

}  // namespace

std::vector<AttrSpec> recurrence_attributes() {
  return {{"mode", AttrType::text, {}, true}, {"reverse", AttrType::boolean, false}};
}

RecurrenceShape recurrence_shape(std::string_view op, int64_t steps, const Shape& hx,
                                 const Attrs& attrs) {
  const std::string& mode = attrs.text("mode");
  RecurrenceShape s{steps, hx[0], hx[1], Cell::rnn_tanh, attrs.boolean("reverse")};
  if (mode == "rnn_relu")
    s.cell = Cell::rnn_relu;
  else if (mode == "lstm")
    s.cell = Cell::lstm;
  else if (mode == "gru")
    s.cell = Cell::gru;
  else
    GRADUS_CHECK(mode == "rnn_tanh",
                 "[{}] attribute 'mode', expected rnn_tanh, rnn_relu, lstm or gru, got '{}'", op,
                 mode);
  return s;
}

void expect_spec(const InferArgs& args, size_t position, std::string_view name,
                 const TensorSpec& expected) {
  if (!args.has(position)) return;
  GRADUS_CHECK(args.in[position] == expected, "[{}] '{}', expected {}, got {}", args.op, name,
               to_string(expected), to_string(args.in[position]));
}

const int64_t* checked_lengths(const TensorRef& lengths, int64_t steps, std::string_view op) {
  if (!lengths.present) return nullptr;
  const int64_t* values = lengths.as<const int64_t>();
  for (int64_t n = 0; n < lengths.numel(); ++n)
    if (values[n] < 0 || values[n] > steps)
      failf(ErrorKind::bad_data, op, "lengths[{}], expected 0 to {} steps, got {}", n, steps,
            values[n]);
  return values;
}

OpDef recurrence_op() {
  return {.name = "recurrence",
          .doc =
              "one layer of rnn, lstm or gru after its input projection, in one direction: the "
              "state after every step, the cells (lstm), and for the backward pass the gates "
              "(lstm i, f, g, o; gru r, z, n and the candidate's hidden part; rnn the state). A "
              "sequence keeps its "
              "state from step `lengths` on",
          .inputs = {{"input"},
                     {"hx"},
                     {"cx", InputKind::optional},
                     {"lengths", InputKind::optional, false},
                     {"weight_hh"},
                     {"bias_hh", InputKind::optional}},
          .outputs = {"hidden", "cells", "saved"},
          .attributes = recurrence_attributes(),
          .infer = infer,
          .grad = grad,
          .cpu = with_onednn<bind, has_no_lengths>(
              cpu_variants<bind, kernels::recurrence_avx512, kernels::recurrence_avx2,
                           kernels::recurrence_cpu>(packed_workspace)),
          .autocast = AutocastClass::low_precision,
          .samples = samples,
          .cost = [](const KernelQuery& query) {
            return Cost{2.0 * static_cast<double>(query.in[x_in].numel()) *
                            static_cast<double>(query.in[hx_in].shape[1]),
                        least_bytes(query)};
          }};
}

}  // namespace gradus
