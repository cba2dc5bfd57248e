// SPDX-License-Identifier: Apache-2.0
#include "kernels/arg_extreme.h"

#include <type_traits>

#include "engine/base/dispatch.h"
#include "engine/base/error.h"
#include "engine/base/parallel.h"

namespace gradus::kernels {
namespace {

constexpr int64_t elements_per_chunk = 1 << 14;

template <class T>
int64_t first_extreme(const T* x, int64_t count, int64_t stride, bool largest) {
  int64_t best = 0;
  for (int64_t d = 0; d < count; ++d) {
    const T value = x[d * stride], known = x[best * stride];
    if (known != known) break;
    if (value != value || (largest ? value > known : value < known)) best = d;
  }
  return best;
}

}  // namespace

void arg_extreme_cpu(const ArgExtremeArgs& args) {
  const int64_t grain = args.dim >= elements_per_chunk ? 1 : elements_per_chunk / args.dim;
  dispatch_stored(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_arithmetic_v<T>) {
      const T* x = static_cast<const T*>(args.x);
      parallel_range(args.outer * args.inner, grain, [&](int64_t begin, int64_t end) {
        for (int64_t line = begin; line < end; ++line) {
          const int64_t start = line / args.inner * args.dim * args.inner + line % args.inner;
          args.index[line] = first_extreme(x + start, args.dim, args.inner, args.largest);
        }
      });
    } else {
      GRADUS_ASSERT(false, "argmax and argmin compute in whole types, not {}",
                    dtype_name(args.dtype));
    }
  });
}

}  // namespace gradus::kernels
