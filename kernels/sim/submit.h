// SPDX-License-Identifier: Apache-2.0
// How launch() of kernels/common hands a kernel to the simulator. Kept free of library headers: it
// is compiled into kernel files, with access hooks.
#pragma once

#include <cuda_runtime.h>

namespace gradus::sim {

struct KernelLaunch {
  dim3 grid, block, cluster;
  size_t shared_bytes;
  const void* kernel;                      // for its name
  void (*invoke)(const void* parameters);  // runs one thread of it
  const void* parameters;                  // trivially copyable; copied
  size_t parameter_bytes;
  bool hooked;  // compiled with access hooks
};

cudaError_t submit_kernel(const KernelLaunch& launch, cudaStream_t stream);

}  // namespace gradus::sim
