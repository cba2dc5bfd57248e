// SPDX-License-Identifier: Apache-2.0
#include "kernels/sum_of_squares.h"

#include <algorithm>
#include <array>

#include "engine/base/dispatch.h"
#include "engine/base/parallel.h"

namespace gradus::kernels {
namespace {

constexpr int64_t lanes = 16;  // partial sums, whatever the vector width

template <class T>
double sum_piece(const T* x, int64_t n) {
  std::array<double, lanes> sums{};
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    for (int64_t k = 0; k < lanes; ++k) {
      const double value = static_cast<double>(x[i + k]);
      sums[static_cast<size_t>(k)] += value * value;
    }
  }
  for (int64_t k = 0; i + k < n; ++k)
    sums[static_cast<size_t>(k)] += static_cast<double>(x[i + k]) * static_cast<double>(x[i + k]);
  double total = 0.0;
  for (double sum : sums) total += sum;
  return total;
}

}  // namespace

void sum_of_squares_cpu(const SumOfSquaresArgs& args) {
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* x = static_cast<const T*>(args.x);
    parallel_for(square_pieces(args.n), [&](int64_t piece) {
      const int64_t begin = piece << 14;
      args.partial[piece] = sum_piece(x + begin, std::min<int64_t>(1 << 14, args.n - begin));
    });
  });
}

}  // namespace gradus::kernels
