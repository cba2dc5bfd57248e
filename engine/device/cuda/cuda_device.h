// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/device/device.h"

namespace gradus {

// Makes find_device() know "cuda:N": the GPUs of this machine, or in a build with GRADUS_CUDA=SIM
// the simulated one. Calling it again does nothing.
void install_cuda_devices();

}  // namespace gradus
