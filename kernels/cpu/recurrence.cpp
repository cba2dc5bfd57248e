// SPDX-License-Identifier: Apache-2.0
#include "kernels/recurrence.h"

#include "engine/base/dispatch.h"
#include "engine/base/parallel.h"
#include "kernels/cpu/recurrence_unit.h"

namespace gradus::kernels {
namespace {

using namespace recurrence;

template <class T>
struct Forward : ForwardUnits<T> {
  using ForwardUnits<T>::args, ForwardUnits<T>::s;

  // Element k of weight h + bias.
  double hidden_product(Previous h, int64_t k) const {
    double sum = at_or_zero<T>(args.bias, args.bias ? k : 0);
    for (int64_t j = 0; j < s.hidden; ++j)
      sum += at<T>(args.weight, k * s.hidden + j) * at<T>(h.values, h.start + j);
    return sum;
  }

  void sequence(int64_t n) const {
    for (int64_t turn = 0; turn < s.steps; ++turn) {
      const int64_t row = s.step(turn) * s.batch + n;
      const Previous h = previous(s, args.hx, args.hidden, turn, n);
      const Previous c = previous(s, args.cx, args.cells, turn, n);
      for (int64_t u = 0; u < s.hidden; ++u)
        is_valid(args.lengths, s.step(turn), n)
            ? this->unit(h, c, row, u, [&](int64_t k) { return hidden_product(h, k); })
            : this->carry(h, c, row, u);
    }
  }
};

template <class T>
struct Backward : BackwardUnits<T> {
  using BackwardUnits<T>::args, BackwardUnits<T>::s;

  void sequence(int64_t n, double* dh, double* dc) const {
    const void* dm = args.dm ? args.dm : args.dx;
    for (int64_t u = 0; u < s.hidden; ++u) dh[u] = dc[u] = 0;
    for (int64_t turn = s.steps - 1; turn >= 0; --turn) {
      const int64_t row = s.step(turn) * s.batch + n, width = s.gates() * s.hidden;
      const bool valid = is_valid(args.lengths, s.step(turn), n);
      for (int64_t u = 0; u < s.hidden; ++u) {
        dh[u] += at<T>(args.dhidden, row * s.hidden + u);
        if (args.dcells) dc[u] += at<T>(args.dcells, row * s.hidden + u);
        for (int64_t gate = 0; gate < s.gates() && !valid; ++gate)
          this->put_dx(row, gate, u, 0), this->put_dm(row, gate, u, 0);
        if (valid)
          this->unit(previous(s, args.hx, args.hidden, turn, n),
                     previous(s, args.cx, args.cells, turn, n), row, u, dh[u], dc[u]);
      }
      for (int64_t k = 0; k < width && valid; ++k)
        for (int64_t j = 0; j < s.hidden; ++j)
          dh[j] += at<T>(dm, row * width + k) * at<T>(args.weight, k * s.hidden + j);
    }
    for (int64_t u = 0; u < s.hidden; ++u) {
      put<T>(args.dhx, n * s.hidden + u, dh[u]);
      if (args.dcx) put<T>(args.dcx, n * s.hidden + u, dc[u]);
    }
  }
};

}  // namespace

void recurrence_cpu(const RecurrenceArgs& args) {
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_for(args.shape.batch, [&](int64_t n) { Forward<T>{{args}}.sequence(n); });
  });
}

int64_t recurrence_backward_workspace(const RecurrenceShape& shape) {
  return shape.batch * 2 * shape.hidden * static_cast<int64_t>(sizeof(double));
}

void recurrence_backward_cpu(const RecurrenceBackwardArgs& args) {
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_for(args.shape.batch, [&](int64_t n) {
      double* dh = static_cast<double*>(args.workspace) + n * 2 * args.shape.hidden;
      Backward<T>{{args}}.sequence(n, dh, dh + args.shape.hidden);
    });
  });
}

}  // namespace gradus::kernels
