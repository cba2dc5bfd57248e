// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "engine/base/parallel.h"
#include "kernels/cpu/recurrence_unit.h"
#include "kernels/onednn.h"

namespace gradus::kernels {
namespace {

using namespace recurrence;

int64_t aligned(int64_t bytes) { return (bytes + 63) / 64 * 64; }

// weight h + bias of all sequences of a step: (batch, gates hidden).
MatmulArgs forward_product(const RecurrenceArgs& a) {
  const RecurrenceShape& s = a.shape;
  MatmulArgs product = dense_matmul(a.dtype, s.batch, s.gates() * s.hidden, s.hidden, false, true);
  product.b = a.weight;
  product.bias = a.bias;
  return product;
}

// dm weight of a step: (batch, hidden).
MatmulArgs backward_product(const RecurrenceBackwardArgs& a) {
  const RecurrenceShape& s = a.shape;
  MatmulArgs product = dense_matmul(a.dtype, s.batch, s.hidden, s.gates() * s.hidden);
  product.b = a.weight;
  return product;
}

int64_t product_bytes(const MatmulArgs& product) {
  return aligned(product.m * product.n * static_cast<int64_t>(sizeof(float)));
}

// The gradients of one step's states: through the units, then through the product.
struct BackwardStep {
  const RecurrenceBackwardArgs& args;
  double *dh, *dc;
  const float* product;  // dm weight of the step before in this order; null at first

  void sequence(int64_t turn, int64_t n) const {
    const RecurrenceShape& s = args.shape;
    const BackwardUnits<float> units{args};
    const int64_t step = s.step(turn), row = step * s.batch + n;
    const Previous h = previous(s, args.hx, args.hidden, turn, n);
    const Previous c = previous(s, args.cx, args.cells, turn, n);
    for (int64_t u = 0; u < s.hidden; ++u) {
      const int64_t at_unit = n * s.hidden + u;
      if (product) dh[at_unit] += static_cast<double>(product[at_unit]);
      dh[at_unit] += at<float>(args.dhidden, row * s.hidden + u);
      if (args.dcells) dc[at_unit] += at<float>(args.dcells, row * s.hidden + u);
      if (is_valid(args.lengths, step, n)) {
        units.unit(h, c, row, u, dh[at_unit], dc[at_unit]);
      } else {
        for (int64_t gate = 0; gate < s.gates(); ++gate)
          units.put_dx(row, gate, u, 0), units.put_dm(row, gate, u, 0);
      }
    }
  }
};

}  // namespace

bool onednn_fits(const RecurrenceArgs& args) { return onednn_fits(forward_product(args)); }
bool onednn_fits(const RecurrenceBackwardArgs& args) { return onednn_fits(backward_product(args)); }

int64_t onednn_workspace(const RecurrenceArgs& args) {
  const MatmulArgs product = forward_product(args);
  return product_bytes(product) + onednn_workspace(product);
}

void run_onednn(const RecurrenceArgs& args, void* workspace) {
  const RecurrenceShape& s = args.shape;
  const ForwardUnits<float> units{args};
  MatmulArgs product = forward_product(args);
  const int64_t width = product.n;
  const float* sums = static_cast<const float*>(workspace);
  product.c = workspace;
  for (int64_t turn = 0; turn < s.steps; ++turn) {
    const Previous states = previous(s, args.hx, args.hidden, turn, 0);
    product.a = static_cast<const float*>(states.values) + states.start;
    run_onednn(product, static_cast<char*>(workspace) + product_bytes(product));
    parallel_for(s.batch, [&](int64_t n) {
      const int64_t row = s.step(turn) * s.batch + n;
      const Previous h = previous(s, args.hx, args.hidden, turn, n);
      const Previous c = previous(s, args.cx, args.cells, turn, n);
      const bool valid = is_valid(args.lengths, s.step(turn), n);
      for (int64_t u = 0; u < s.hidden; ++u)
        valid ? units.unit(h, c, row, u, [&](int64_t k) { return sums[n * width + k]; })
              : units.carry(h, c, row, u);
    });
  }
}

// The states' gradients dh and dc in f64, then the product.
int64_t onednn_workspace(const RecurrenceBackwardArgs& args) {
  const MatmulArgs product = backward_product(args);
  return 2 * aligned(product.m * product.n * static_cast<int64_t>(sizeof(double))) +
         product_bytes(product) + onednn_workspace(product);
}

void run_onednn(const RecurrenceBackwardArgs& args, void* workspace) {
  const RecurrenceShape& s = args.shape;
  MatmulArgs product = backward_product(args);
  const int64_t states = s.batch * s.hidden;
  char* memory = static_cast<char*>(workspace);
  const int64_t state_bytes = aligned(states * static_cast<int64_t>(sizeof(double)));
  double* dh = reinterpret_cast<double*>(memory);
  double* dc = reinterpret_cast<double*>(memory + state_bytes);
  float* sums = reinterpret_cast<float*>(memory + 2 * state_bytes);
  product.c = sums;
  std::fill_n(dh, states, 0.0);
  std::fill_n(dc, states, 0.0);
  const float* dm = static_cast<const float*>(args.dm ? args.dm : args.dx);
  for (int64_t turn = s.steps - 1; turn >= 0; --turn) {
    const BackwardStep step{args, dh, dc, turn == s.steps - 1 ? nullptr : sums};
    parallel_for(s.batch, [&](int64_t n) { step.sequence(turn, n); });
    product.a = dm + s.step(turn) * s.batch * product.k;
    run_onednn(product, memory + 2 * state_bytes + product_bytes(product));
  }
  for (int64_t i = 0; i < states; ++i) {
    put<float>(args.dhx, i, dh[i] + static_cast<double>(sums[i]));
    if (args.dcx) put<float>(args.dcx, i, dc[i]);
  }
}

}  // namespace gradus::kernels
