// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "engine/base/dispatch.h"
#include "engine/base/parallel.h"
#include "kernels/pooling.h"

namespace gradus::kernels {
namespace {

int64_t length(const PoolWindow& window) { return std::max<int64_t>(window.end - window.begin, 0); }

struct Box {
  PoolWindow depth, height, width;

  int64_t inside() const { return length(depth) * length(height) * length(width); }
  int64_t padded() const { return depth.padded * height.padded * width.padded; }
};

template <class Args>
double divisor(const Args& args, const Box& box) {
  if (args.divisor != 0) return static_cast<double>(args.divisor);
  return static_cast<double>(args.count_include_pad ? box.padded() : box.inside());
}

// Calls visit(box) for every output position of a plane, in order.
template <class Visit>
void each_window(const PoolShape& shape, Visit&& visit) {
  Box box;
  for (int64_t d = 0; d < shape.output[0]; ++d) {
    box.depth = shape.window(0, d);
    for (int64_t h = 0; h < shape.output[1]; ++h) {
      box.height = shape.window(1, h);
      for (int64_t w = 0; w < shape.output[2]; ++w) {
        box.width = shape.window(2, w);
        visit(box);
      }
    }
  }
}

// Calls visit(begin of the first element, count) for every row of a box.
template <class Visit>
void each_row(const PoolShape& shape, const Box& box, Visit&& visit) {
  for (int64_t d = box.depth.begin; d < box.depth.end; ++d)
    for (int64_t h = box.height.begin; h < box.height.end; ++h)
      visit((d * shape.input[1] + h) * shape.input[2] + box.width.begin, length(box.width));
}

}  // namespace

void avg_pool_cpu(const AvgPoolArgs& args) {
  const PoolShape& shape = args.shape;
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_for(shape.planes, [&](int64_t plane) {
      const int64_t lanes = shape.lanes;
      const T* from = static_cast<const T*>(args.input) + plane * shape.input_size() * lanes;
      T* to = static_cast<T*>(args.output) + plane * shape.output_size() * lanes;
      each_window(shape, [&](const Box& box) {
        for (int64_t lane = 0; lane < lanes; ++lane) {
          double sum = 0;
          each_row(shape, box, [&](int64_t first, int64_t count) {
            for (int64_t i = first; i < first + count; ++i)
              sum += static_cast<double>(from[i * lanes + lane]);
          });
          *to++ = box.inside() == 0 ? T(0) : static_cast<T>(sum / divisor(args, box));
        }
      });
    });
  });
}

void avg_pool_backward_cpu(const AvgPoolBackwardArgs& args) {
  const PoolShape& shape = args.shape;
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_for(shape.planes, [&](int64_t plane) {
      const int64_t lanes = shape.lanes;
      const T* from =
          static_cast<const T*>(args.output_gradient) + plane * shape.output_size() * lanes;
      T* to = static_cast<T*>(args.input_gradient) + plane * shape.input_size() * lanes;
      std::fill_n(to, shape.input_size() * lanes, T(0));
      each_window(shape, [&](const Box& box) {
        for (int64_t lane = 0; lane < lanes; ++lane) {
          const T share = static_cast<T>(static_cast<double>(*from++) / divisor(args, box));
          each_row(shape, box, [&](int64_t first, int64_t count) {
            for (int64_t i = first; i < first + count; ++i) to[i * lanes + lane] += share;
          });
        }
      });
    });
  });
}

}  // namespace gradus::kernels
