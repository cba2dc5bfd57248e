// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/base/dtype.h"

namespace gradus::kernels {

enum class Cell { rnn_tanh, rnn_relu, lstm, gru };

struct RecurrenceShape {
  int64_t steps, batch, hidden;
  Cell cell;
  bool reverse;  // from the last step to the first

  // Blocks of `hidden` in a row of x and of weight: lstm i, f, g, o; gru r, z, n.
  int64_t gates() const { return cell == Cell::lstm ? 4 : cell == Cell::gru ? 3 : 1; }
  // Blocks of `hidden` saved of each step: lstm the four gates; gru r, z, n and m_n; rnn h', which
  // the output may hold rounded.
  int64_t saved() const { return cell == Cell::lstm || cell == Cell::gru ? 4 : 1; }
  // Step number `turn` of the order they are taken in.
  int64_t step(int64_t turn) const { return reverse ? steps - 1 - turn : turn; }
};

// A recurrent layer after its input projection (PyTorch's formulas). With m = weight h + bias, of
// the state h and c before the step:
//   rnn    h' = tanh(x + m), or relu
//   lstm   a = x + m;  i, f, o = sigmoid(a_i, a_f, a_o), g = tanh(a_g);  c' = f c + i g,
//          h' = o tanh(c')
//   gru    r = sigmoid(x_r + m_r), z = sigmoid(x_z + m_z), n = tanh(x_n + r m_n),
//          h' = n + z (h - n)
// Where step >= lengths[sequence] the state stays as it is (and what is saved is 0).
// Shapes, dense row-major, everything but lengths of `dtype` (f32 or f64):
//   x (steps, batch, gates hidden); hx, cx (batch, hidden); weight (gates hidden, hidden);
//   bias (gates hidden) or null; lengths i64 (batch) or null, each in [0, steps];
//   hidden, cells (lstm; else null) (steps, batch, hidden): the state after each step;
//   saved (steps, batch, saved() hidden).
struct RecurrenceArgs {
  DType dtype;
  const void *x, *hx, *cx, *weight, *bias;
  const int64_t* lengths;
  void *hidden, *cells, *saved;
  RecurrenceShape shape;
  void* workspace = nullptr;
};

void recurrence_cpu(const RecurrenceArgs& args);

// The gradients of sum(hidden dhidden) + sum(cells dcells) + sum(saved dsaved): dx, dm (gru; for
// the others dm is dx and null here), dhx, dcx (lstm; else null), in the shapes of their variables.
// dcells and dsaved may be null. Exactly the derivative of the formulas above with the saved values
// put in, whatever they are.
struct RecurrenceBackwardArgs {
  DType dtype;
  const void *dhidden, *dcells, *dsaved;
  const void *hidden, *cells, *saved, *hx, *cx, *weight;
  const int64_t* lengths;
  void *dx, *dm, *dhx, *dcx;
  RecurrenceShape shape;
  void* workspace = nullptr;
};

int64_t recurrence_backward_workspace(const RecurrenceShape& shape);  // of the cpu variant
void recurrence_backward_cpu(const RecurrenceBackwardArgs& args);

// f32: one product and one pass over the gates for each step, on blocks of 16 units whose weights
// were packed once.
inline int64_t recurrence_packed_workspace(const RecurrenceShape& shape) {
  const int64_t units = (shape.hidden + 15) / 16 * 16;
  return units * shape.gates() * shape.hidden * static_cast<int64_t>(sizeof(float));
}
void recurrence_avx2(const RecurrenceArgs& args);
void recurrence_avx512(const RecurrenceArgs& args);
void recurrence_backward_avx2(const RecurrenceBackwardArgs& args);
void recurrence_backward_avx512(const RecurrenceBackwardArgs& args);

}  // namespace gradus::kernels
