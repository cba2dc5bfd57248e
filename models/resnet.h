// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/layers/layer.h"

namespace gradus {

// Residual networks (He et al. 2015, "Deep residual learning for image recognition").
// Depth 20 (and 32, 44, 56, 110) is the paper's section 4.2 for 32x32 images: three stages of 16,
// 32 and 64 channels. Depth 18, 34 and 50 are those for 224x224 images. Shortcuts are the input
// itself, or a 1x1 convolution where the shape changes (the paper's option B).
struct Resnet {
  int64_t depth = 18;
  int64_t classes = 10;
  // The start of depths 18, 34 and 50 on small images: one 3x3 convolution, no pooling.
  bool small_stem = false;
  // Scale 0 in the last norm of each block: blocks start as the identity (Goyal et al. 2017).
  bool zero_init_residual = false;

  // x (batch, channels, height, width) -> logits (batch, classes). Throws for an unknown depth.
  Value build(Place& place, Value x) const;
};

}  // namespace gradus
