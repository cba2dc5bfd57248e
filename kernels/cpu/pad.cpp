// SPDX-License-Identifier: Apache-2.0
#include "kernels/pad.h"

#include <algorithm>

#include "engine/base/parallel.h"
#include "kernels/cpu/element.h"

namespace gradus::kernels {
namespace {

constexpr int64_t grain = 1 << 13;

// Where line `line` (all dims but the last) starts in x, or -1 when it lies in constant padding.
int64_t line_source(const PadArgs& args, int64_t line) {
  const int last = args.out_shape.rank() - 1;
  int64_t at = 0, stride = args.shape[last];
  for (int d = last - 1; d >= 0; --d) {
    const int64_t out_index = line % args.out_shape[d];
    line /= args.out_shape[d];
    const int64_t index =
        pad_source(args.mode, out_index - args.before[static_cast<size_t>(d)], args.dim(d));
    if (index < 0) return -1;
    at += index * stride;
    stride *= args.shape[d];
  }
  return at;
}

template <class T>
void pad_line(const PadArgs& args, int64_t source, T* out) {
  const T value = static_cast<T>(args.value);
  const int last = args.out_shape.rank() - 1;
  const int64_t size = args.out_shape[last], in_size = args.shape[last];
  if (source < 0) {
    std::fill_n(out, size, value);
    return;
  }
  const T* x = static_cast<const T*>(args.x) + source;
  const int64_t before = args.before[static_cast<size_t>(last)];
  const int64_t first = std::clamp<int64_t>(before, 0, size);
  const int64_t beyond = std::clamp<int64_t>(before + in_size, first, size);
  const PadDim dim = args.dim(last);
  const auto padded = [&](int64_t i) {
    const int64_t at = pad_source(args.mode, i - before, dim);
    return at < 0 ? value : x[at];
  };
  for (int64_t i = 0; i < first; ++i) out[i] = padded(i);
  if (beyond > first) std::copy(x + (first - before), x + (beyond - before), out + first);
  for (int64_t i = beyond; i < size; ++i) out[i] = padded(i);
}

}  // namespace

void pad_cpu(const PadArgs& args) {
  const int last = args.out_shape.rank() - 1;
  if (args.out_shape.numel() == 0) return;
  const int64_t size = args.out_shape[last], lines = args.out_shape.product(0, last);
  dispatch_element(args.element_bytes, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_range(lines, 1 + grain / size, [&](int64_t begin, int64_t end) {
      for (int64_t line = begin; line < end; ++line)
        pad_line(args, line_source(args, line), static_cast<T*>(args.out) + line * size);
    });
  });
}

}  // namespace gradus::kernels
