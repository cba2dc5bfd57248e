// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "engine/device/device.h"

namespace gradus {

// Makes find_device() know "cuda:N": the GPUs of this machine, or in a build with GRADUS_CUDA=SIM
// the simulated one, which `auto` never takes. Calling it again does nothing.
void install_cuda_devices();

// Why `auto` takes the CPU, in a few words; empty where it takes cuda:0.
std::string why_not_cuda();

}  // namespace gradus
