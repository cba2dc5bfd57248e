// SPDX-License-Identifier: Apache-2.0
// The only place that launches kernels.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/stream_handle.h"
#include "kernels/common/cuda.h"

#if !defined(__CUDACC__)
#include <tuple>
#include <type_traits>

#include "kernels/sim/submit.h"
#endif

namespace gradus::kernels {

struct LaunchConfig {
  dim3 grid = {1, 1, 1};
  dim3 block = {1, 1, 1};
  size_t shared_bytes = 0;  // dynamic
  dim3 cluster = {1, 1, 1};
  StreamHandle stream = {};
};

inline void check_cuda(cudaError_t error, std::string_view what) {
  if (error != cudaSuccess)
    failf(ErrorKind::internal, "cuda", "{}: {} ({})", what, cudaGetErrorString(error),
          cudaGetErrorName(error));
}

#if defined(__CUDACC__)

// Above this much dynamic shared memory a kernel has to opt in.
inline constexpr size_t shared_bytes_without_opt_in = 48 * 1024;

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), const LaunchConfig& config, Arguments&&... arguments) {
  if (config.shared_bytes > shared_bytes_without_opt_in)
    check_cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    static_cast<int>(config.shared_bytes)),
               "shared memory opt-in");
  cudaLaunchConfig_t launch_config = {};
  launch_config.gridDim = config.grid;
  launch_config.blockDim = config.block;
  launch_config.dynamicSmemBytes = config.shared_bytes;
  launch_config.stream = static_cast<cudaStream_t>(config.stream.raw);
  cudaLaunchAttribute cluster = {};
  cluster.id = cudaLaunchAttributeClusterDimension;
  cluster.val.clusterDim = {config.cluster.x, config.cluster.y, config.cluster.z};
  if (config.cluster.x * config.cluster.y * config.cluster.z > 1) {
    launch_config.attrs = &cluster;
    launch_config.numAttrs = 1;
  }
  check_cuda(cudaLaunchKernelEx(&launch_config, kernel, Parameters(arguments)...), "launch");
}

#else

namespace detail {

#if defined(GRADUS_SIM_HOOKED)
inline constexpr bool hooked = true;
#else
inline constexpr bool hooked = false;
#endif

// A kernel and its parameters: the simulated constant memory.
template <class... Parameters>
struct Closure {
  static_assert((std::is_trivially_copyable_v<Parameters> && ...));
  void (*kernel)(Parameters...);
  std::tuple<Parameters...> parameters;

  static void invoke(const void* self) {
    const auto& closure = *static_cast<const Closure*>(self);
    std::apply(closure.kernel, closure.parameters);
  }
};

}  // namespace detail

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), const LaunchConfig& config, Arguments&&... arguments) {
  using Closure = detail::Closure<Parameters...>;
  const Closure closure{kernel, {static_cast<Parameters>(arguments)...}};
  check_cuda(sim::submit_kernel({config.grid, config.block, config.cluster, config.shared_bytes,
                                 reinterpret_cast<const void*>(kernel), Closure::invoke, &closure,
                                 sizeof closure, detail::hooked},
                                static_cast<cudaStream_t>(config.stream.raw)),
             "launch");
}

#endif

}  // namespace gradus::kernels
