// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "engine/base/dtype.h"

namespace gradus::kernels {

// The window of one output position in one dim: input positions begin, begin + step, ... below end,
// all inside the input; `padded` is how many it would read with padding counted (to the end of the
// padding, as PyTorch counts).
struct PoolWindow {
  int64_t begin, end, step, padded;
};

// Pooling over depth, height and width; missing leading dims have size 1. adaptive: output position
// o covers [floor(o * in / out), ceil((o + 1) * in / out)), and kernel ... dilation are not used.
// Tensors are (planes, positions, lanes): planes are batch * channels and lanes 1, or, with
// channels last, planes are the batch and lanes its channels.
struct PoolShape {
  int64_t planes = 0, lanes = 1;
  std::array<int64_t, 3> input{1, 1, 1}, output{1, 1, 1};
  bool adaptive = false;
  std::array<int64_t, 3> kernel{1, 1, 1}, stride{1, 1, 1}, padding{0, 0, 0}, dilation{1, 1, 1};

  int64_t input_size() const { return input[0] * input[1] * input[2]; }
  int64_t output_size() const { return output[0] * output[1] * output[2]; }

  PoolWindow window(size_t d, int64_t o) const {
    if (adaptive) {
      const int64_t begin = o * input[d] / output[d];
      const int64_t end = ((o + 1) * input[d] + output[d] - 1) / output[d];
      return {begin, end, 1, end - begin};
    }
    const int64_t start = o * stride[d] - padding[d];
    const int64_t reach = start + (kernel[d] - 1) * dilation[d] + 1;
    const int64_t skipped = start < 0 ? (-start + dilation[d] - 1) / dilation[d] : 0;
    return {start + skipped * dilation[d], std::min(reach, input[d]), dilation[d],
            std::min(reach, input[d] + padding[d]) - start};
  }
};

// output = the largest of each window, indices = at which position of its input plane. The first of
// equal values wins; a NaN wins over numbers, and the last NaN over others (as PyTorch). Of f32,
// f64 or whole numbers (i64, i32, i16, i8, u8).
struct MaxPoolArgs {
  DType dtype = DType::f32;
  PoolShape shape;
  const void* input = nullptr;
  void* output = nullptr;
  int64_t* indices = nullptr;
};

// input_gradient[plane, i, lane] = the sum of output_gradient[plane, o, lane] over all o with
// indices[plane, o, lane] = i, in the order of o. Throws Error(bad_data) for an index outside of
// the plane.
struct MaxPoolBackwardArgs {
  DType dtype = DType::f32;
  int64_t planes = 0, input_size = 0, output_size = 0, lanes = 1;
  const void* output_gradient = nullptr;
  const int64_t* indices = nullptr;
  void* input_gradient = nullptr;
};

// output = sum of the window / divisor: `divisor` where it is not 0, else the number of elements,
// padding included or not.
struct AvgPoolArgs {
  DType dtype = DType::f32;
  PoolShape shape;
  bool count_include_pad = true;
  int64_t divisor = 0;
  const void* input = nullptr;
  void* output = nullptr;
};

// The adjoint of AvgPoolArgs.
struct AvgPoolBackwardArgs {
  DType dtype = DType::f32;
  PoolShape shape;
  bool count_include_pad = true;
  int64_t divisor = 0;
  const void* output_gradient = nullptr;
  void* input_gradient = nullptr;
};

// f32 and f64, dense row-major.
void max_pool_cpu(const MaxPoolArgs& args);
void max_pool_backward_cpu(const MaxPoolBackwardArgs& args);
void avg_pool_cpu(const AvgPoolArgs& args);
void avg_pool_backward_cpu(const AvgPoolBackwardArgs& args);

}  // namespace gradus::kernels
