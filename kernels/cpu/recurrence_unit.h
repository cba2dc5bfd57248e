// SPDX-License-Identifier: Apache-2.0
// One unit of a recurrent layer at one step, forward and backward, in f64: what the kernels without
// vector code of their own share. They differ in how they make the products with the weight.
#pragma once

#include <cmath>

#include "kernels/recurrence.h"

namespace gradus::kernels::recurrence {

template <class T>
double at(const void* values, int64_t index) {
  return static_cast<double>(static_cast<const T*>(values)[index]);
}
template <class T>
void put(void* values, int64_t index, double value) {
  static_cast<T*>(values)[index] = static_cast<T>(value);
}
template <class T>
double at_or_zero(const void* values, int64_t index) {
  return values ? at<T>(values, index) : 0;
}

inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// Where the state before turn `turn` of sequence n lies: in the first state or in a row of states.
struct Previous {
  const void* values;
  int64_t start;
};
inline Previous previous(const RecurrenceShape& s, const void* first, const void* states,
                         int64_t turn, int64_t n) {
  if (turn == 0) return {first, n * s.hidden};
  return {states, (s.step(turn - 1) * s.batch + n) * s.hidden};
}

inline bool is_valid(const int64_t* lengths, int64_t step, int64_t n) {
  return !lengths || step < lengths[n];
}

template <class T>
struct ForwardUnits {
  const RecurrenceArgs& args;
  const RecurrenceShape& s = args.shape;

  // The unit u of a sequence from its states before the step; `row` = step * batch + sequence.
  // product(k) is element k of weight h + bias.
  template <class Product>
  void unit(Previous h, Previous c, int64_t row, int64_t u, Product&& product) const {
    const auto x = [&](int64_t gate) {
      return at<T>(args.x, (row * s.gates() + gate) * s.hidden + u);
    };
    const auto m = [&](int64_t gate) { return product(gate * s.hidden + u); };
    const auto save = [&](int64_t block, double value) {
      put<T>(args.saved, (row * s.saved() + block) * s.hidden + u, value);
    };
    const int64_t out = row * s.hidden + u;
    if (s.cell == Cell::lstm) {
      const double i = sigmoid(x(0) + m(0)), f = sigmoid(x(1) + m(1));
      const double g = std::tanh(x(2) + m(2)), o = sigmoid(x(3) + m(3));
      const double cell = f * at<T>(c.values, c.start + u) + i * g;
      save(0, i), save(1, f), save(2, g), save(3, o);
      put<T>(args.cells, out, cell);
      put<T>(args.hidden, out, o * std::tanh(cell));
    } else if (s.cell == Cell::gru) {
      const double r = sigmoid(x(0) + m(0)), z = sigmoid(x(1) + m(1)), m_n = m(2);
      const double candidate = std::tanh(x(2) + r * m_n);
      save(0, r), save(1, z), save(2, candidate), save(3, m_n);
      put<T>(args.hidden, out, candidate + z * (at<T>(h.values, h.start + u) - candidate));
    } else {
      const double a = x(0) + m(0);
      const double y = s.cell == Cell::rnn_tanh ? std::tanh(a) : a < 0 ? 0 : a;
      save(0, y);
      put<T>(args.hidden, out, y);
    }
  }

  void carry(Previous h, Previous c, int64_t row, int64_t u) const {
    put<T>(args.hidden, row * s.hidden + u, at<T>(h.values, h.start + u));
    if (args.cells) put<T>(args.cells, row * s.hidden + u, at<T>(c.values, c.start + u));
    for (int64_t block = 0; block < s.saved(); ++block)
      put<T>(args.saved, (row * s.saved() + block) * s.hidden + u, 0);
  }
};

template <class T>
struct BackwardUnits {
  const RecurrenceBackwardArgs& args;
  const RecurrenceShape& s = args.shape;

  void put_dx(int64_t row, int64_t gate, int64_t u, double value) const {
    put<T>(args.dx, (row * s.gates() + gate) * s.hidden + u, value);
  }
  void put_dm(int64_t row, int64_t gate, int64_t u, double value) const {
    if (args.dm) put<T>(args.dm, (row * s.gates() + gate) * s.hidden + u, value);
  }
  double saved(int64_t row, int64_t block, int64_t u) const {
    return at<T>(args.saved, (row * s.saved() + block) * s.hidden + u);
  }
  double dsaved(int64_t row, int64_t block, int64_t u) const {
    return at_or_zero<T>(args.dsaved, args.dsaved ? (row * s.saved() + block) * s.hidden + u : 0);
  }

  // Writes dx and dm of one unit from the gradients dh and dc of its state after the step, and
  // leaves in them what reaches the state before the step other than through m.
  void unit(Previous h, Previous c, int64_t row, int64_t u, double& dh, double& dc) const {
    if (s.cell == Cell::lstm) {
      const double i = saved(row, 0, u), f = saved(row, 1, u), g = saved(row, 2, u);
      const double o = saved(row, 3, u), y = std::tanh(at<T>(args.cells, row * s.hidden + u));
      dc += dh * o * (1 - y * y);
      const double di = dc * g + dsaved(row, 0, u), dg = dc * i + dsaved(row, 2, u);
      const double df = dc * at<T>(c.values, c.start + u) + dsaved(row, 1, u);
      const double d_o = dh * y + dsaved(row, 3, u);
      put_dx(row, 0, u, di * i * (1 - i));
      put_dx(row, 1, u, df * f * (1 - f));
      put_dx(row, 2, u, dg * (1 - g * g));
      put_dx(row, 3, u, d_o * o * (1 - o));
      dc *= f;
      dh = 0;
    } else if (s.cell == Cell::gru) {
      const double r = saved(row, 0, u), z = saved(row, 1, u), n = saved(row, 2, u);
      const double m_n = saved(row, 3, u);
      const double da_n = (dh * (1 - z) + dsaved(row, 2, u)) * (1 - n * n);
      const double da_r = (da_n * m_n + dsaved(row, 0, u)) * r * (1 - r);
      const double dz = dh * (at<T>(h.values, h.start + u) - n) + dsaved(row, 1, u);
      const double da_z = dz * z * (1 - z);
      put_dx(row, 0, u, da_r), put_dx(row, 1, u, da_z), put_dx(row, 2, u, da_n);
      put_dm(row, 0, u, da_r), put_dm(row, 1, u, da_z);
      put_dm(row, 2, u, da_n * r + dsaved(row, 3, u));
      dh *= z;
    } else {
      const double y = saved(row, 0, u), dy = dh + dsaved(row, 0, u);
      // Chosen, not multiplied: relu's 0 holds for a NaN too, as in PyTorch.
      put_dx(row, 0, u, s.cell == Cell::rnn_tanh ? dy * (1 - y * y) : y > 0 ? dy : 0);
      dh = 0;
    }
  }
};

}  // namespace gradus::kernels::recurrence
