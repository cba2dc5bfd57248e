// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "ops/composite_gradient.h"
#include "ops/cpu_variants.h"
#include "ops/matmul_support.h"
#include "ops/onednn_variant.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/recurrence.h"
#include "ops/row_norm.h"
#include "ops/support.h"

namespace gradus {
namespace {

using kernels::Cell;
using kernels::RecurrenceShape;

enum Input {
  dhidden_in,
  dcells_in,
  dsaved_in,
  hidden_in,
  cells_in,
  saved_in,
  hx_in,
  cx_in,
  lengths_in,
  weight_in
};

std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec &hidden = args.in[hidden_in], &hx = args.in[hx_in];
  GRADUS_CHECK(hidden.shape.rank() == 3 && hidden.shape[0] > 0 && hx.shape.rank() == 2,
               "[{}] expected hidden (steps, batch, hidden) and hx (batch, hidden), got {} and {}",
               args.op, to_string(hidden), to_string(hx));
  const RecurrenceShape s = recurrence_shape(args.op, hidden.shape[0], hx.shape, args.attrs);
  const DType dtype = hidden.dtype;
  const int64_t cells = s.cell == Cell::lstm ? s.hidden : 0, width = s.gates() * s.hidden;
  const TensorSpec states{dtype, {s.steps, s.batch, s.hidden}}, state{dtype, {s.batch, s.hidden}};
  const TensorSpec cell_states{dtype, {s.steps, s.batch, cells}};
  const auto saved = [&](Input position) {
    const DType given = args.in[position].dtype;
    return TensorSpec{fits_statistics(given, dtype) ? given : statistics_dtype(dtype),
                      {s.steps, s.batch, s.saved() * s.hidden}};
  };
  expect_spec(args, hidden_in, "hidden", states);
  expect_spec(args, dhidden_in, "grad_hidden", states);
  expect_spec(args, cells_in, "cells", cell_states);
  expect_spec(args, dcells_in, "grad_cells", cell_states);
  expect_spec(args, saved_in, "saved", saved(saved_in));
  expect_spec(args, dsaved_in, "grad_saved", saved(dsaved_in));
  expect_spec(args, hx_in, "hx", state);
  expect_spec(args, cx_in, "cx", state);
  expect_spec(args, lengths_in, "lengths", {DType::i64, {s.batch}});
  expect_spec(args, weight_in, "weight_hh", {dtype, {width, s.hidden}});
  GRADUS_CHECK(args.has(cx_in) == (s.cell == Cell::lstm), "[{}] cx, expected with mode lstm only",
               args.op);
  return {{dtype, {s.steps, s.batch, width}},
          {dtype, {s.steps, s.batch, s.cell == Cell::gru ? width : 0}},
          state,
          {dtype, {s.batch, cells}}};
}

RecurrenceShape shape_of(const Shape& hidden, const Shape& hx, const Attrs& attrs) {
  return recurrence_shape("recurrence_backward", hidden[0], hx, attrs);
}

kernels::RecurrenceBackwardArgs bind(const RunArgs& args) {
  const RecurrenceShape s = shape_of(args.in[hidden_in].shape, args.in[hx_in].shape, args.attrs);
  const auto in = [&](size_t i) -> const void* { return args.has(i) ? args.in[i].data : nullptr; };
  const bool lstm = s.cell == Cell::lstm;
  return {args.in[hidden_in].dtype,
          in(dhidden_in),
          lstm ? in(dcells_in) : nullptr,
          in(dsaved_in),
          in(hidden_in),
          lstm ? in(cells_in) : nullptr,
          in(saved_in),
          in(hx_in),
          in(cx_in),
          in(weight_in),
          checked_lengths(args.in[lengths_in], s.steps, "recurrence_backward"),
          args.out[0].data,
          s.cell == Cell::gru ? args.out[1].data : nullptr,
          args.out[2].data,
          lstm ? args.out[3].data : nullptr,
          s,
          args.workspace};
}

// Lengths are checked where they are bound, so there is no asking about them before they exist.
bool has_no_lengths(const KernelQuery& query) { return !query.has(lengths_in); }

// The op in public ops, one step after the other.
class Unrolled {
 public:
  Unrolled(const std::vector<Value>& in, const RecurrenceShape& shape)
      : s_(shape), lengths_(in[lengths_in]), weight_(widened(in[weight_in])) {
    for (Value value : in) in_.push_back(value ? widen(value) : value);
    dh_ = zeros_like(in_[hx_in]);
    if (s_.cell == Cell::lstm) dc_ = dh_;
  }

  std::vector<Value> run() {
    std::vector<Value> dx(static_cast<size_t>(s_.steps)), dm(dx.size());
    for (int64_t turn = s_.steps - 1; turn >= 0; --turn) {
      const auto t = static_cast<size_t>(s_.step(turn));
      step(turn, dx[t], dm[t]);
    }
    const auto stacked = [](const std::vector<Value>& rows) {
      return apply1("stack", rows, {{"dim", 0}});
    };
    return {stacked(dx), s_.cell == Cell::gru ? stacked(dm) : Value(), dh_, dc_};
  }

 private:
  struct Inner {
    std::vector<Value> dx, dm;  // by gate; dm empty: the same
    Value dh, dc;               // to the state before, other than through m
  };

  static Value widen(Value value) { return is_floating(value.dtype()) ? widened(value) : value; }

  // Row `step` of a (steps, batch, any) value.
  Value at(Value values, int64_t step) const {
    const Value row = apply1("slice", {values}, {{"dim", 0}, {"start", step}, {"end", step + 1}});
    return reshape(row, {s_.batch, values.shape()[2]});
  }
  Value block_of(Value row, int64_t block) const {
    return apply1("slice", {row},
                  {{"dim", 1}, {"start", block * s_.hidden}, {"end", (block + 1) * s_.hidden}});
  }
  Value before(Input first, Input states, int64_t turn) const {
    return turn == 0 ? in_[first] : at(in_[states], s_.step(turn - 1));
  }
  // Block of the step's saved values, and `value` plus the gradient that comes in for it.
  Value saved(int64_t step, int64_t block) const {
    return block_of(at(in_[saved_in], step), block);
  }
  Value plus_dsaved(Value value, int64_t step, int64_t block) const {
    return in_[dsaved_in] ? value + block_of(at(in_[dsaved_in], step), block) : value;
  }

  Inner lstm(int64_t turn, int64_t t, Value dh, Value dc) const {
    const Value i = saved(t, 0), f = saved(t, 1), g = saved(t, 2), o = saved(t, 3);
    const Value y = tanh(at(in_[cells_in], t));
    dc = dc + dh * o * (1.0 - square(y));
    const Value di = plus_dsaved(dc * g, t, 0), dg = plus_dsaved(dc * i, t, 2);
    const Value df = plus_dsaved(dc * before(cx_in, cells_in, turn), t, 1);
    const Value d_o = plus_dsaved(dh * y, t, 3);
    return {{di * i * (1.0 - i), df * f * (1.0 - f), dg * (1.0 - square(g)), d_o * o * (1.0 - o)},
            {},
            zeros_like(dh),
            dc * f};
  }

  Inner gru(int64_t turn, int64_t t, Value dh) const {
    const Value r = saved(t, 0), z = saved(t, 1), n = saved(t, 2), m_n = saved(t, 3);
    const Value da_n = plus_dsaved(dh * (1.0 - z), t, 2) * (1.0 - square(n));
    const Value da_r = plus_dsaved(da_n * m_n, t, 0) * r * (1.0 - r);
    const Value dz = plus_dsaved(dh * (before(hx_in, hidden_in, turn) - n), t, 1);
    const Value da_z = dz * z * (1.0 - z);
    return {{da_r, da_z, da_n}, {da_r, da_z, plus_dsaved(da_n * r, t, 3)}, dh * z, {}};
  }

  Inner rnn(int64_t t, Value dh) const {
    const Value y = saved(t, 0), dy = plus_dsaved(dh, t, 0), zeros = zeros_like(dh);
    const Value dx = s_.cell == Cell::rnn_tanh ? dy * (1.0 - square(y)) : where(y > 0.0, dy, zeros);
    return {{dx}, {}, zeros, {}};
  }

  void step(int64_t turn, Value& dx, Value& dm) {
    const int64_t t = s_.step(turn);
    const Value dh = dh_ + at(in_[dhidden_in], t);
    Value dc = dc_;
    if (dc && in_[dcells_in]) dc = dc + at(in_[dcells_in], t);
    const Inner inner = s_.cell == Cell::lstm  ? lstm(turn, t, dh, dc)
                        : s_.cell == Cell::gru ? gru(turn, t, dh)
                                               : rnn(t, dh);
    dx = apply1("cat", inner.dx, {{"dim", 1}});
    dm = inner.dm.empty() ? dx : apply1("cat", inner.dm, {{"dim", 1}});
    dh_ = inner.dh + gemm(dm, weight_);
    dc_ = inner.dc;
    if (!lengths_) return;
    const Value valid = reshape(lengths_ > static_cast<double>(t), {s_.batch, 1});
    dx = where(valid, dx, zeros_like(dx));
    dm = where(valid, dm, zeros_like(dm));
    dh_ = where(valid, dh_, dh);
    if (dc_) dc_ = where(valid, dc_, dc);
  }

  RecurrenceShape s_;
  Value lengths_, weight_;
  std::vector<Value> in_;
  Value dh_, dc_;  // of the state before the step that was last taken
};

std::vector<Value> grad(GradArgs& args) {
  return composite_gradients(args, [&args](const std::vector<Value>& in) {
    const RecurrenceShape s = shape_of(in[hidden_in].shape(), in[hx_in].shape(), args.attrs);
    std::vector<Value> out = Unrolled(in, s).run();
    for (Value& value : out)
      if (value) value = cast(value, in[hidden_in].dtype());
    return out;
  });
}

Sample layer(const char* mode, int64_t gates, const Shape& sizes, bool lengths, bool extra,
             bool reverse) {
  const int64_t steps = sizes[0], batch = sizes[1], hidden = sizes[2];
  const bool lstm = std::string_view(mode) == "lstm";
  const int64_t cells = lstm ? hidden : 0, saved = gates == 1 ? hidden : 4 * hidden;
  const SampleInput absent = SampleInput::absent(), states{.shape = {steps, batch, hidden}};
  const SampleInput cell_states{.shape = {steps, batch, cells}}, state{.shape = {batch, hidden}};
  const SampleInput gate_values{.shape = {steps, batch, saved}, .lo = 0.1, .hi = 0.9};
  return {.inputs = {states,
                     extra ? cell_states : absent,
                     extra ? gate_values : absent,
                     states,
                     cell_states,
                     gate_values,
                     state,
                     lstm ? state : absent,
                     lengths ? SampleInput::indices({batch}, steps + 1) : absent,
                     {.shape = {gates * hidden, hidden}}},
          .attrs = {{"mode", mode}, {"reverse", reverse}}};
}

std::vector<Sample> samples() {
  std::vector<Sample> list{layer("rnn_tanh", 1, {3, 2, 3}, false, false, false),
                           layer("rnn_relu", 1, {3, 2, 3}, false, true, false),
                           layer("lstm", 4, {3, 2, 2}, false, true, false),
                           layer("lstm", 4, {3, 2, 2}, true, false, true),
                           layer("gru", 3, {3, 2, 2}, false, true, false),
                           layer("gru", 3, {3, 3, 2}, true, false, true),
                           layer("lstm", 4, {1, 1, 1}, false, false, false),
                           layer("gru", 3, {2, 0, 3}, false, false, false),
                           layer("lstm", 4, {3, 37, 19}, true, true, false),
                           layer("gru", 3, {3, 5, 35}, false, true, true),
                           layer("lstm", 4, {64, 32, 256}, false, false, false)};
  list[8].grad = list[8].second = list[9].grad = list[9].second = false;
  list.back().bench = true;
  return list;
}

}  // namespace

OpDef recurrence_backward_op() {
  return {.name = "recurrence_backward",
          .doc =
              "the gradients of recurrence from its outputs: of its input, of weight_hh h + "
              "bias_hh (gru; empty for the others, where they are the input's), of hx and of cx "
              "(lstm)",
          .inputs = {{"grad_hidden"},
                     {"grad_cells", InputKind::optional},
                     {"grad_saved", InputKind::optional},
                     {"hidden"},
                     {"cells"},
                     {"saved"},
                     {"hx"},
                     {"cx", InputKind::optional},
                     {"lengths", InputKind::optional, false},
                     {"weight_hh"}},
          .outputs = {"grad_input", "grad_product", "grad_hx", "grad_cx"},
          .attributes = recurrence_attributes(),
          .infer = infer,
          .grad = grad,
          .cpu = with_onednn<bind, has_no_lengths>(
              cpu_variants<bind, kernels::recurrence_backward_avx512,
                           kernels::recurrence_backward_avx2, kernels::recurrence_backward_cpu>(
                  [](const KernelQuery& query) {
                    return kernels::recurrence_packed_workspace(
                        shape_of(query.in[hidden_in].shape, query.in[hx_in].shape, query.attrs));
                  },
                  [](const KernelQuery& query) {
                    return kernels::recurrence_backward_workspace(
                        shape_of(query.in[hidden_in].shape, query.in[hx_in].shape, query.attrs));
                  })),
          .samples = samples,
          .cost = [](const KernelQuery& query) {
            return Cost{2.0 * static_cast<double>(query.out[0].numel()) *
                            static_cast<double>(query.in[hx_in].shape[1]),
                        least_bytes(query)};
          }};
}

}  // namespace gradus
