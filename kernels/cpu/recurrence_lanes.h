// SPDX-License-Identifier: Apache-2.0
// Recurrent layers in f32, included by recurrence_avx2.cpp and recurrence_avx512.cpp. A task owns
// 16 hidden units: it multiplies the last state by their packed weights and passes over their gates
// at once, so that a step is one parallel loop and weights stay in the cache of the core they are
// on.
#pragma once

#if defined(__AVX2__)

#include <algorithm>

#include "engine/base/parallel.h"
#include "kernels/cpu/panel_product.h"
#include "kernels/recurrence.h"

namespace gradus::kernels {
namespace {

constexpr int64_t rows_at_once = 32;  // sequences whose products are held on the stack

inline int64_t unit_blocks(const RecurrenceShape& s) { return (s.hidden + 15) / 16; }

// Sixteen units of a row of `hidden` values, from unit u; what lies beyond the row is 0.
inline Lanes units(const float* row, int64_t u, int64_t hidden) {
  return load(row + u, std::min<int64_t>(16, hidden - u));
}
inline void put_units(Lanes value, float* row, int64_t u, int64_t hidden) {
  store(value, row + u, std::min<int64_t>(16, hidden - u));
}

// packed[block][gate][k][16]: weight (gates, hidden, hidden) with units in lanes.
inline void pack_forward(const RecurrenceArgs& args, float* packed) {
  const int64_t hidden = args.shape.hidden, gates = args.shape.gates();
  const float* weight = static_cast<const float*>(args.weight);
  parallel_for(unit_blocks(args.shape) * gates, [&](int64_t task) {
    float* out = packed + task * hidden * 16;
    const int64_t u = task / gates * 16, gate = task % gates;
    for (int64_t k = 0; k < hidden; ++k)
      for (int64_t l = 0; l < 16; ++l)
        out[k * 16 + l] = u + l < hidden ? weight[(gate * hidden + u + l) * hidden + k] : 0.f;
  });
}

// packed[block][k][16]: rows k of weight (gates hidden, hidden), sixteen columns at a time.
inline void pack_backward(const RecurrenceBackwardArgs& args, float* packed) {
  const int64_t hidden = args.shape.hidden, width = args.shape.gates() * hidden;
  const float* weight = static_cast<const float*>(args.weight);
  parallel_for(unit_blocks(args.shape), [&](int64_t b) {
    for (int64_t k = 0; k < width; ++k)
      units(weight + k * hidden, b * 16, hidden).store(packed + (b * width + k) * 16);
  });
}

inline bool is_valid(const int64_t* lengths, int64_t step, int64_t n) {
  return !lengths || step < lengths[n];
}

// One sequence's rows of a step, and the state before it.
struct StepRow {
  const float *x, *h, *c;         // x has gates * hidden values
  float *hidden, *cells, *saved;  // null where the cell has none
};

inline StepRow step_row(const RecurrenceArgs& args, int64_t turn, int64_t n) {
  const RecurrenceShape& s = args.shape;
  const int64_t row = s.step(turn) * s.batch + n;
  const int64_t last = turn == 0 ? n : s.step(turn - 1) * s.batch + n;
  const auto state = [&](const void* first, const void* states) -> const float* {
    const void* from = turn == 0 ? first : states;
    return from ? static_cast<const float*>(from) + last * s.hidden : nullptr;
  };
  return {static_cast<const float*>(args.x) + row * s.gates() * s.hidden,
          state(args.hx, args.hidden),
          args.cells ? state(args.cx, args.cells) : nullptr,
          static_cast<float*>(args.hidden) + row * s.hidden,
          args.cells ? static_cast<float*>(args.cells) + row * s.hidden : nullptr,
          static_cast<float*>(args.saved) + row * s.saved() * s.hidden};
}

// Sixteen units of a row are one cache line, and the next row's is far: what a step reads and
// writes is fetched while products are computed (forward: 7.4 ms rather than 9.9; backward no
// gain).
inline void fetch(const float* row, int64_t count, int64_t hidden, int64_t u) {
  for (int64_t k = 0; row && k < count; ++k) __builtin_prefetch(row + k * hidden + u, 0, 2);
}
inline void fetch_to_write(float* row, int64_t count, int64_t hidden, int64_t u) {
  for (int64_t k = 0; row && k < count; ++k) __builtin_prefetch(row + k * hidden + u, 1, 2);
}
inline void fetch(const RecurrenceShape& s, const StepRow& r, int64_t u) {
  fetch(r.x, s.gates(), s.hidden, u);
  fetch(r.c, 1, s.hidden, u);
  fetch_to_write(r.saved, s.saved(), s.hidden, u);
  fetch_to_write(r.cells, 1, s.hidden, u);
  fetch_to_write(r.hidden, 1, s.hidden, u);
}

// The gates of sixteen units from u; m[gate] is weight h.
inline void advance(const RecurrenceArgs& args, const StepRow& r, int64_t u, const float* m,
                    int64_t m_gate) {
  const int64_t hidden = args.shape.hidden;
  const float* bias = static_cast<const float*>(args.bias);
  const auto product_of = [&](int64_t gate) {
    const Lanes value = Lanes::load(m + gate * m_gate);
    return bias ? value + units(bias + gate * hidden, u, hidden) : value;
  };
  const auto x = [&](int64_t gate) { return units(r.x + gate * hidden, u, hidden); };
  const auto save = [&](int64_t block, Lanes value) {
    put_units(value, r.saved + block * hidden, u, hidden);
  };
  if (args.shape.cell == Cell::lstm) {
    const Lanes i = sigmoid(x(0) + product_of(0)), f = sigmoid(x(1) + product_of(1));
    const Lanes g = tanh(x(2) + product_of(2)), o = sigmoid(x(3) + product_of(3));
    const Lanes c = fma(f, units(r.c, u, hidden), i * g);
    save(0, i), save(1, f), save(2, g), save(3, o);
    put_units(c, r.cells, u, hidden);
    put_units(o * tanh(c), r.hidden, u, hidden);
  } else if (args.shape.cell == Cell::gru) {
    const Lanes reset = sigmoid(x(0) + product_of(0)), z = sigmoid(x(1) + product_of(1));
    const Lanes m_n = product_of(2), n = tanh(fma(reset, m_n, x(2)));
    save(0, reset), save(1, z), save(2, n), save(3, m_n);
    put_units(fma(z, units(r.h, u, hidden) - n, n), r.hidden, u, hidden);
  } else {
    const Lanes a = x(0) + product_of(0);
    const Lanes y = args.shape.cell == Cell::rnn_tanh ? tanh(a) : max(Lanes::zero(), a);
    save(0, y);
    put_units(y, r.hidden, u, hidden);
  }
}

// A sequence that has ended keeps its state.
inline void carry(const RecurrenceArgs& args, const StepRow& r, int64_t u) {
  const int64_t hidden = args.shape.hidden;
  put_units(units(r.h, u, hidden), r.hidden, u, hidden);
  if (r.cells) put_units(units(r.c, u, hidden), r.cells, u, hidden);
  for (int64_t block = 0; block < args.shape.saved(); ++block)
    put_units(Lanes::zero(), r.saved + block * hidden, u, hidden);
}

inline void forward_block(const RecurrenceArgs& args, const float* packed, int64_t turn,
                          int64_t b) {
  const RecurrenceShape& s = args.shape;
  const int64_t gates = s.gates(), panel = s.hidden * 16, m_gate = rows_at_once * 16;
  alignas(64) float m[4 * rows_at_once * 16];
  for (int64_t n0 = 0; n0 < s.batch; n0 += rows_at_once) {
    const int64_t rows = std::min(rows_at_once, s.batch - n0);
    const float* h = step_row(args, turn, n0).h;
    for (int64_t gate = 0; gate < gates; ++gate) {
      for (int64_t n = rows * gate / gates; n < rows * (gate + 1) / gates; ++n)
        fetch(s, step_row(args, turn, n0 + n), b * 16);
      panel_product({h, s.hidden, 1}, rows, {packed + (b * gates + gate) * panel, 1, s.hidden, 0},
                    m + gate * m_gate, 16, false);
    }
    for (int64_t n = 0; n < rows; ++n) {
      const StepRow row = step_row(args, turn, n0 + n);
      if (is_valid(args.lengths, s.step(turn), n0 + n))
        advance(args, row, b * 16, m + n * 16, m_gate);
      else
        carry(args, row, b * 16);
    }
  }
}

inline void recurrence(const RecurrenceArgs& args) {
  float* packed = static_cast<float*>(args.workspace);
  pack_forward(args, packed);
  for (int64_t turn = 0; turn < args.shape.steps; ++turn)
    parallel_for(unit_blocks(args.shape), [&](int64_t b) {
      const FlushDenormals flush;
      forward_block(args, packed, turn, b);
    });
}

// Rows of sequence n at a step of the backward pass.
struct BackwardRow {
  const float *dhidden, *dcells, *dsaved;
  const float *cells, *saved, *h, *c;  // h, c: the state before the step
  float *dx, *dm, *dh, *dc;            // dh, dc: carried from step to step
};

inline BackwardRow backward_row(const RecurrenceBackwardArgs& args, int64_t turn, int64_t n) {
  const RecurrenceShape& s = args.shape;
  const int64_t row = s.step(turn) * s.batch + n;
  const int64_t last = turn == 0 ? n : s.step(turn - 1) * s.batch + n;
  const auto in = [&](const void* p, int64_t at, int64_t blocks) -> const float* {
    return p ? static_cast<const float*>(p) + at * blocks * s.hidden : nullptr;
  };
  const auto out = [&](void* p, int64_t at, int64_t blocks) -> float* {
    return p ? static_cast<float*>(p) + at * blocks * s.hidden : nullptr;
  };
  return {in(args.dhidden, row, 1),
          in(args.dcells, row, 1),
          in(args.dsaved, row, s.saved()),
          in(args.cells, row, 1),
          in(args.saved, row, s.saved()),
          in(turn == 0 ? args.hx : args.hidden, last, 1),
          in(turn == 0 ? args.cx : args.cells, last, 1),
          out(args.dx, row, s.gates()),
          out(args.dm, row, s.gates()),
          out(args.dhx, n, 1),
          out(args.dcx, n, 1)};
}

// dx and dm of sixteen units from u, given the gradient dh of their state; what goes on to the
// state before (other than through m) is left in r.dh and r.dc.
inline void retreat(const RecurrenceShape& s, const BackwardRow& r, int64_t u, Lanes dh, Lanes dc) {
  const int64_t hidden = s.hidden;
  const Lanes one = Lanes::all(1.f);
  const auto saved = [&](int64_t block) { return units(r.saved + block * hidden, u, hidden); };
  const auto plus_dsaved = [&](Lanes value, int64_t block) {
    return r.dsaved ? value + units(r.dsaved + block * hidden, u, hidden) : value;
  };
  const auto put = [&](float* rows, int64_t gate, Lanes value) {
    put_units(value, rows + gate * hidden, u, hidden);
  };
  Lanes dh_before = Lanes::zero();
  if (s.cell == Cell::lstm) {
    const Lanes i = saved(0), f = saved(1), g = saved(2), o = saved(3);
    const Lanes y = tanh(units(r.cells, u, hidden));
    dc = dc + dh * o * (one - y * y);
    put(r.dx, 0, plus_dsaved(dc * g, 0) * i * (one - i));
    put(r.dx, 1, plus_dsaved(dc * units(r.c, u, hidden), 1) * f * (one - f));
    put(r.dx, 2, plus_dsaved(dc * i, 2) * (one - g * g));
    put(r.dx, 3, plus_dsaved(dh * y, 3) * o * (one - o));
    put_units(dc * f, r.dc, u, hidden);
  } else if (s.cell == Cell::gru) {
    const Lanes reset = saved(0), z = saved(1), n = saved(2), m_n = saved(3);
    const Lanes da_n = plus_dsaved(dh * (one - z), 2) * (one - n * n);
    const Lanes da_r = plus_dsaved(da_n * m_n, 0) * reset * (one - reset);
    const Lanes da_z = plus_dsaved(dh * (units(r.h, u, hidden) - n), 1) * z * (one - z);
    put(r.dx, 0, da_r), put(r.dx, 1, da_z), put(r.dx, 2, da_n);
    put(r.dm, 0, da_r), put(r.dm, 1, da_z), put(r.dm, 2, plus_dsaved(da_n * reset, 3));
    dh_before = dh * z;
  } else {
    const Lanes y = saved(0), dy = plus_dsaved(dh, 0);
    put(r.dx, 0,
        s.cell == Cell::rnn_tanh ? dy * (one - y * y) : where_positive(y, dy, Lanes::zero()));
  }
  put_units(dh_before, r.dh, u, hidden);
}

inline void pass_through(const RecurrenceShape& s, const BackwardRow& r, int64_t u, Lanes dh,
                         Lanes dc) {
  for (int64_t gate = 0; gate < s.gates(); ++gate) {
    put_units(Lanes::zero(), r.dx + gate * s.hidden, u, s.hidden);
    if (r.dm) put_units(Lanes::zero(), r.dm + gate * s.hidden, u, s.hidden);
  }
  put_units(dh, r.dh, u, s.hidden);
  if (r.dc) put_units(dc, r.dc, u, s.hidden);
}

// What reaches the state before turn `turn` + 1 through that step's m, for units of block b, is
// added to the carried dh; then turn `turn` itself (none for -1).
inline void backward_block(const RecurrenceBackwardArgs& args, const float* packed, int64_t turn,
                           int64_t b) {
  const RecurrenceShape& s = args.shape;
  const int64_t u = b * 16, width = s.gates() * s.hidden;
  const float* dm = static_cast<const float*>(args.dm ? args.dm : args.dx);
  alignas(64) float through[rows_at_once * 16];
  for (int64_t n0 = 0; n0 < s.batch; n0 += rows_at_once) {
    const int64_t rows = std::min(rows_at_once, s.batch - n0);
    const bool first_turn = turn == s.steps - 1;
    if (!first_turn)
      panel_product({dm + (s.step(turn + 1) * s.batch + n0) * width, width, 1}, rows,
                    {packed + b * width * 16, 1, width, 0}, through, 16, false);
    for (int64_t n = 0; n < rows; ++n) {
      const BackwardRow r = backward_row(args, std::max<int64_t>(turn, 0), n0 + n);
      Lanes dh = Lanes::zero(), dc = Lanes::zero();
      if (!first_turn) {
        dh = units(r.dh, u, s.hidden) + Lanes::load(through + n * 16);
        if (r.dc) dc = units(r.dc, u, s.hidden);
      }
      if (turn < 0) {
        put_units(dh, r.dh, u, s.hidden);
        continue;
      }
      dh = dh + units(r.dhidden, u, s.hidden);
      if (r.dcells) dc = dc + units(r.dcells, u, s.hidden);
      if (is_valid(args.lengths, s.step(turn), n0 + n))
        retreat(s, r, u, dh, dc);
      else
        pass_through(s, r, u, dh, dc);
    }
  }
}

inline void recurrence_backward(const RecurrenceBackwardArgs& args) {
  float* packed = static_cast<float*>(args.workspace);
  pack_backward(args, packed);
  for (int64_t turn = args.shape.steps - 1; turn >= -1; --turn)
    parallel_for(unit_blocks(args.shape), [&](int64_t b) {
      const FlushDenormals flush;
      backward_block(args, packed, turn, b);
    });
}

}  // namespace
}  // namespace gradus::kernels

#endif
