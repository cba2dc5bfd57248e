// SPDX-License-Identifier: Apache-2.0
#include "kernels/softmax.h"

#include <cmath>

#include "engine/base/dispatch.h"
#include "engine/base/parallel.h"

namespace gradus::kernels {
namespace {

template <class T>
void softmax_line(const T* x, T* y, int64_t dim, int64_t stride, bool log) {
  T largest = x[0];
  for (int64_t d = 1; d < dim; ++d)
    if (x[d * stride] > largest || std::isnan(x[d * stride])) largest = x[d * stride];
  double sum = 0;
  for (int64_t d = 0; d < dim; ++d) sum += static_cast<double>(std::exp(x[d * stride] - largest));
  // Not x - (largest + log(sum)): that rounds to the size of x, not of the result.
  const T log_sum = static_cast<T>(std::log(sum));
  for (int64_t d = 0; d < dim; ++d) {
    const T shifted = x[d * stride] - largest;
    y[d * stride] =
        log ? shifted - log_sum : static_cast<T>(static_cast<double>(std::exp(shifted)) / sum);
  }
}

template <class T>
void softmax_backward_line(const T* dy, const T* y, T* dx, int64_t dim, int64_t stride, bool log) {
  double sum = 0;
  for (int64_t d = 0; d < dim; ++d)
    sum += static_cast<double>(dy[d * stride]) * (log ? 1.0 : static_cast<double>(y[d * stride]));
  const T total = static_cast<T>(sum);
  for (int64_t d = 0; d < dim; ++d) {
    const T g = dy[d * stride], value = y[d * stride];
    dx[d * stride] = log ? g - std::exp(value) * total : value * (g - total);
  }
}

int64_t line_start(int64_t line, int64_t dim, int64_t inner) {
  return line / inner * dim * inner + line % inner;
}

}  // namespace

void softmax_cpu(const SoftmaxArgs& args) {
  if (args.dim == 0) return;
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_for(args.outer * args.inner, [&](int64_t line) {
      const int64_t start = line_start(line, args.dim, args.inner);
      softmax_line(static_cast<const T*>(args.x) + start, static_cast<T*>(args.y) + start, args.dim,
                   args.inner, args.log);
    });
  });
}

void softmax_backward_cpu(const SoftmaxBackwardArgs& args) {
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_for(args.outer * args.inner, [&](int64_t line) {
      const int64_t start = line_start(line, args.dim, args.inner);
      softmax_backward_line(static_cast<const T*>(args.dy) + start,
                            static_cast<const T*>(args.y) + start, static_cast<T*>(args.dx) + start,
                            args.dim, args.inner, args.log);
    });
  });
}

}  // namespace gradus::kernels
