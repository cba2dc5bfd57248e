// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace gradus {

// An ordered queue of device work, opaque to all but the device: a cudaStream_t on CUDA, null on
// the CPU.
struct StreamHandle {
  void* raw = nullptr;
};

}  // namespace gradus
