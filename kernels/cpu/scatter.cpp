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

// One step of a reduction in the type that T computes in.
template <class T>
T combine(T a, T b, bool multiply) {
  if constexpr (std::is_floating_point_v<T>) {
    return multiply ? a * b : a + b;
  } else if constexpr (std::is_integral_v<T>) {
    return multiply ? multiply_add(T(0), a, b) : multiply_add(a, T(1), b);
  } else {
    const float wide = combine(to_float(a), to_float(b), multiply);
    if constexpr (std::is_same_v<T, f16>) return to_f16(wide);
    if constexpr (std::is_same_v<T, bf16>) return to_bf16(wide);
    GRADUS_ASSERT(false, "scatter reduces no 8-bit floats");
  }
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

void scatter_reduce_cpu(const ScatterArgs& args, bool multiply) {
  const bool truth = args.dtype == DType::bool_;
  dispatch_stored(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* src = static_cast<const T*>(args.src);
    T* out = static_cast<T*>(args.out);
    T value;
    std::memcpy(&value, &args.value, sizeof(T));
    walk(args, [&](int64_t to, int64_t from) {
      out[to] = combine(out[to], src ? src[from] : value, multiply);
      if constexpr (std::is_same_v<T, uint8_t>)
        if (truth) out[to] = out[to] != 0;
    });
  });
}

}  // namespace gradus::kernels
