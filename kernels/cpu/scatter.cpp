// SPDX-License-Identifier: Apache-2.0
#include "kernels/scatter.h"

#include <cstring>

#include "engine/base/parallel.h"
#include "kernels/cpu/element.h"
#include "kernels/cpu/index_lines.h"

namespace gradus::kernels {
namespace {

// put(element of out, element of src), or put(element of out, -1) without src.
template <class Put>
void walk(const ScatterArgs& args, Put&& put) {
  if (args.x != args.out && args.shape.numel() > 0)
    std::memcpy(args.out, args.x, static_cast<size_t>(dtype_bytes(args.dtype, args.shape.numel())));
  if (args.index_shape.numel() == 0) return;
  const IndexLines lines(args.index_shape, args.dim);
  const IndexPlace place(args.shape, args.dim);
  const IndexPlace source(args.src ? args.src_shape : args.index_shape, args.dim);
  parallel_range(lines.count(), lines.grain(), [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      const int64_t to = lines.start_in(place, line), from = lines.start_in(source, line);
      const int64_t at = lines.start(line);
      for (int64_t k = 0; k < lines.length(); ++k) {
        const int64_t index =
            args.index.checked(at + k * lines.stride(), args.shape[args.dim], args.op);
        put(to + index * place.stride, from + k * source.stride);
      }
    }
  });
}

}  // namespace

void scatter_cpu(const ScatterArgs& args) {
  dispatch_element(dtype_bits(args.dtype) / 8, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* src = static_cast<const T*>(args.src);
    T* out = static_cast<T*>(args.out);
    const T value = static_cast<T>(args.value);
    walk(args, [&](int64_t to, int64_t from) { out[to] = src ? src[from] : value; });
  });
}

void scatter_add_cpu(const ScatterArgs& args) {
  dispatch_number(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* src = static_cast<const T*>(args.src);
    T* out = static_cast<T*>(args.out);
    walk(args, [&](int64_t to, int64_t from) { out[to] = multiply_add(out[to], T(1), src[from]); });
  });
}

}  // namespace gradus::kernels
