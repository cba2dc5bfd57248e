// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/tensor/tensor.h"

namespace gradus {

// Whether a CPU tensor holds neither NaN nor infinity. True for dtypes that have none; f8 and
// smaller floats are not looked at.
bool all_finite(const Tensor& tensor);

}  // namespace gradus
