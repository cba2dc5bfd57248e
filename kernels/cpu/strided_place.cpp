// SPDX-License-Identifier: Apache-2.0
#include "kernels/strided_place.h"

#include <cstring>

#include "engine/base/parallel.h"
#include "kernels/cpu/element.h"

namespace gradus::kernels {
namespace {

constexpr int64_t grain = 1 << 13;

template <class T>
void place_lines(const StridedPlaceArgs& args) {
  const int last = args.shape.rank() - 1;
  const int64_t size = last < 0 ? 1 : args.shape[last];
  const int64_t stride = last < 0 ? 0 : args.strides[static_cast<size_t>(last)];
  const int64_t lines = args.shape.product(0, last < 0 ? 0 : last);
  const T* x = static_cast<const T*>(args.x);
  parallel_range(lines, 1 + grain / (size + 1), [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      int64_t at = args.offset, rest = line;
      for (int d = last - 1; d >= 0; --d) {
        at += rest % args.shape[d] * args.strides[static_cast<size_t>(d)];
        rest /= args.shape[d];
      }
      T* out = static_cast<T*>(args.out) + at;
      for (int64_t i = 0; i < size; ++i) out[i * stride] = x[line * size + i];
    }
  });
}

}  // namespace

void strided_place_cpu(const StridedPlaceArgs& args) {
  if (args.out_count == 0) return;
  std::memset(args.out, 0, static_cast<size_t>(args.out_count * args.element_bytes));
  if (args.shape.numel() == 0) return;
  dispatch_element(args.element_bytes,
                   [&](auto tag) { place_lines<typename decltype(tag)::type>(args); });
}

}  // namespace gradus::kernels
