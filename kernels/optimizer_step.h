// SPDX-License-Identifier: Apache-2.0
// What the update rules share. All are elementwise over n weights, read the arrays without the
// prefix new_ and write those with it; an output may be the memory of its own input.
#pragma once

#include "engine/base/dtype.h"

namespace gradus::kernels {

// A number in device memory that is written between replays of a captured step; data is null where
// it was not given.
struct DeviceScalar {
  const void* data = nullptr;
  DType dtype = DType::f32;
};

struct StepControl {
  DeviceScalar lr;
  DeviceScalar step;   // which update this is: 1 for the first
  DeviceScalar scale;  // multiplies the gradient first; 1 where not given
  DeviceScalar skip;   // not 0: every output is a copy of its input
};

}  // namespace gradus::kernels
