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
  T sum = 0;
  for (int64_t d = 0; d < dim; ++d) sum += std::exp(x[d * stride] - largest);
  const T shift = largest + std::log(sum);
  for (int64_t d = 0; d < dim; ++d)
    y[d * stride] = log ? x[d * stride] - shift : std::exp(x[d * stride] - largest) / sum;
}

}  // namespace

void softmax_cpu(const SoftmaxArgs& args) {
  if (args.dim == 0) return;
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_for(args.outer * args.inner, [&](int64_t line) {
      const int64_t start = line / args.inner * args.dim * args.inner + line % args.inner;
      softmax_line(static_cast<const T*>(args.x) + start, static_cast<T*>(args.y) + start, args.dim,
                   args.inner, args.log);
    });
  });
}

}  // namespace gradus::kernels
