// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>

#include "engine/base/dispatch.h"
#include "engine/base/parallel.h"
#include "kernels/pooling.h"

namespace gradus::kernels {
namespace {

template <class T>
struct Largest {
  using Limits = std::numeric_limits<T>;
  T value = Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
  int64_t index = -1;

  void see(T x, int64_t at) {
    if (index >= 0 && !(x > value) && x == x) return;  // NaN is not itself
    value = x;
    index = at;
  }
};

template <class F>
void dispatch_number(DType dtype, F&& f) {
  switch (dtype) {
    case DType::i64:
      return f(TypeTag<int64_t>{});
    case DType::i32:
      return f(TypeTag<int32_t>{});
    case DType::i16:
      return f(TypeTag<int16_t>{});
    case DType::i8:
      return f(TypeTag<int8_t>{});
    case DType::u8:
      return f(TypeTag<uint8_t>{});
    default:
      return dispatch_float(dtype, std::forward<F>(f));
  }
}

// Of one window and lane.
template <class T>
Largest<T> largest(const PoolShape& shape, const T* plane, const PoolWindow& depth,
                   const PoolWindow& height, const PoolWindow& width) {
  Largest<T> result;
  for (int64_t d = depth.begin; d < depth.end; d += depth.step)
    for (int64_t h = height.begin; h < height.end; h += height.step) {
      const int64_t row = (d * shape.input[1] + h) * shape.input[2];
      for (int64_t w = width.begin; w < width.end; w += width.step)
        result.see(plane[(row + w) * shape.lanes], row + w);
    }
  return result;
}

template <class T>
void pool_plane(const PoolShape& shape, const T* input, T* output, int64_t* indices) {
  for (int64_t d = 0; d < shape.output[0]; ++d) {
    const PoolWindow depth = shape.window(0, d);
    for (int64_t h = 0; h < shape.output[1]; ++h) {
      const PoolWindow height = shape.window(1, h);
      for (int64_t w = 0; w < shape.output[2]; ++w) {
        const PoolWindow width = shape.window(2, w);
        for (int64_t lane = 0; lane < shape.lanes; ++lane) {
          const Largest<T> found = largest(shape, input + lane, depth, height, width);
          *output++ = found.value;
          *indices++ = found.index;
        }
      }
    }
  }
}

}  // namespace

void max_pool_cpu(const MaxPoolArgs& args) {
  const PoolShape& shape = args.shape;
  dispatch_number(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const int64_t input = shape.input_size() * shape.lanes;
    const int64_t output = shape.output_size() * shape.lanes;
    parallel_for(shape.planes, [&](int64_t plane) {
      pool_plane(shape, static_cast<const T*>(args.input) + plane * input,
                 static_cast<T*>(args.output) + plane * output, args.indices + plane * output);
    });
  });
}

void max_pool_backward_cpu(const MaxPoolBackwardArgs& args) {
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_for(args.planes, [&](int64_t plane) {
      const int64_t input = args.input_size * args.lanes, output = args.output_size * args.lanes;
      T* to = static_cast<T*>(args.input_gradient) + plane * input;
      const int64_t first = plane * output;
      std::fill_n(to, input, T(0));
      for (int64_t o = first; o < first + output; ++o) {
        const int64_t index = args.indices[o];
        if (index == -1) continue;  // a window of padding alone
        if (index < 0 || index >= args.input_size)
          failf(ErrorKind::bad_data, "max_pool_backward",
                "index at position {}, expected from 0 to {}, got {}", o, args.input_size - 1,
                index);
        to[index * args.lanes + o % args.lanes] += static_cast<const T*>(args.output_gradient)[o];
      }
    });
  });
}

}  // namespace gradus::kernels
