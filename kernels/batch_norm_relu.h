// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "kernels/batch_norm.h"

namespace gradus::kernels {

// x is (batch, channels, input...) or, with channels_last, (batch, input..., channels), over depth,
// height and width; missing leading dims have size 1. y has the largest element of each window;
// windows do not overlap and cover the input: input[d] = output[d] * window[d].
struct BatchNormReluShape {
  int64_t batch = 0, channels = 0;
  std::array<int64_t, 3> output{1, 1, 1}, window{1, 1, 1};
  bool channels_last = false;

  int64_t input(size_t d) const { return output[d] * window[d]; }
  int64_t input_size() const { return input(0) * input(1) * input(2); }
  int64_t output_size() const { return output[0] * output[1] * output[2]; }
  int64_t window_size() const { return window[0] * window[1] * window[2]; }
  BatchNormShape norm() const {
    if (channels_last) return {batch * input_size(), channels, 1};
    return {batch, channels, input_size()};
  }
};

// y = max over each window of relu(batch_norm(x)), NaN where one is in the window. `norm` says what
// the norm reads and which statistics it writes; its y and shape are not used, its workspace is.
struct BatchNormReluArgs {
  BatchNormArgs norm;
  BatchNormReluShape shape;
  void* y;
};

// The gradients of that. dy goes to the first largest element of its window if the norm's result is
// positive there. `norm` as above: its dy is of y's shape; bias is what the norm added, or null.
struct BatchNormReluBackwardArgs {
  BatchNormBackwardArgs norm;
  BatchNormReluShape shape;
  const void* bias;
};

// f32 and f64; workspace: as much as batch_norm_relu_reference_workspace() says.
void batch_norm_relu_cpu(const BatchNormReluArgs& args);
void batch_norm_relu_backward_cpu(const BatchNormReluBackwardArgs& args);
int64_t batch_norm_relu_reference_workspace(DType dtype, const BatchNormReluShape& shape);

// f32, channels last; workspace: batch_norm_relu_workspace(). Nothing of the norm's size is stored
// but dx: the norm's results are computed again from x.
void batch_norm_relu_avx2(const BatchNormReluArgs& args);
void batch_norm_relu_avx512(const BatchNormReluArgs& args);
void batch_norm_relu_backward_avx2(const BatchNormReluBackwardArgs& args);
void batch_norm_relu_backward_avx512(const BatchNormReluBackwardArgs& args);
int64_t batch_norm_relu_workspace(const BatchNormReluShape& shape);

}  // namespace gradus::kernels
