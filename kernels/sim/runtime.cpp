// SPDX-License-Identifier: Apache-2.0
// Devices, memory, copies and errors of the runtime API. The simulated device has the limits of
// compute capability 9.0.
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <cuda_runtime.h>

#include "kernels/sim/device_memory.h"
#include "kernels/sim/operations.h"
#include "kernels/sim/report.h"
#include "kernels/sim/shared_memory.h"
#include "kernels/sim/stream.h"

namespace gradus::sim {
namespace {

constexpr int runtime_version = 13000;
constexpr int multiprocessors = 4;  // so that persistent kernels stay small
constexpr int l2_bytes = 50 << 20;

// Host memory from cudaMallocHost: only copies from and to it are asynchronous.
struct Pinned {
  std::mutex mutex;
  std::map<const char*, size_t> blocks;
};

Pinned& pinned() {
  static Pinned instance;
  return instance;
}

bool is_pinned(const void* pointer, size_t bytes) {
  const std::lock_guard lock(pinned().mutex);
  const auto* p = static_cast<const char*>(pointer);
  auto next = pinned().blocks.upper_bound(p);
  if (next == pinned().blocks.begin()) return false;
  --next;
  return p + bytes <= next->first + next->second;
}

thread_local cudaError_t last_error = cudaSuccess;

cudaError_t note(cudaError_t error) {
  if (error != cudaSuccess && error != cudaErrorNotReady) last_error = error;
  return error;
}

bool on_device(const void* pointer) { return DeviceMemory::instance().contains(pointer); }

bool copy(uint32_t operation, void* to, const void* from, size_t bytes) {
  DeviceMemory& memory = DeviceMemory::instance();
  if (on_device(from) && !memory.operation_reads(operation, from, bytes)) return false;
  if (on_device(to) && !memory.operation_writes(operation, to, bytes)) return false;
  std::memmove(to, from, bytes);
  return true;
}

bool kind_fits(const void* to, const void* from, cudaMemcpyKind kind) {
  if (kind == cudaMemcpyDefault) return true;
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  return on_device(to) == to_device && on_device(from) == from_device;
}

}  // namespace
}  // namespace gradus::sim

using gradus::sim::DeviceMemory;
using gradus::sim::note;

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidDevice:
      return "cudaErrorInvalidDevice";
    case cudaErrorIllegalAddress:
      return "cudaErrorIllegalAddress";
    case cudaErrorLaunchFailure:
      return "cudaErrorLaunchFailure";
    case cudaErrorNotReady:
      return "cudaErrorNotReady";
    case cudaErrorNotSupported:
      return "cudaErrorNotSupported";
    case cudaErrorStreamCaptureUnsupported:
      return "cudaErrorStreamCaptureUnsupported";
    case cudaErrorStreamCaptureInvalidated:
      return "cudaErrorStreamCaptureInvalidated";
    case cudaErrorStreamCaptureUnmatched:
      return "cudaErrorStreamCaptureUnmatched";
    case cudaErrorStreamCaptureUnjoined:
      return "cudaErrorStreamCaptureUnjoined";
  }
  return "cudaErrorUnknown";
}

const char* cudaGetErrorString(cudaError_t error) {
  if (error == cudaErrorLaunchFailure)
    return "a kernel failed in the simulator (gradus::sim::take_reports() says how)";
  return cudaGetErrorName(error);
}

cudaError_t cudaGetLastError() {
  const cudaError_t error = gradus::sim::last_error;
  gradus::sim::last_error = cudaSuccess;
  return error;
}

cudaError_t cudaPeekAtLastError() { return gradus::sim::last_error; }

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  return note(device == 0 ? cudaSuccess : cudaErrorInvalidDevice);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device != 0) return note(cudaErrorInvalidDevice);
  *properties = {};
  std::snprintf(properties->name, sizeof properties->name, "Gradus simulator");
  properties->totalGlobalMem = gradus::sim::device_memory_bytes;
  properties->sharedMemPerBlock = gradus::sim::max_static_shared_bytes;
  properties->sharedMemPerBlockOptin = gradus::sim::max_shared_bytes;
  properties->major = 9;
  properties->multiProcessorCount = gradus::sim::multiprocessors;
  properties->warpSize = 32;
  properties->maxThreadsPerBlock = 1024;
  properties->l2CacheSize = gradus::sim::l2_bytes;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  if (device != 0) return note(cudaErrorInvalidDevice);
  switch (attribute) {
    case cudaDevAttrMaxSharedMemoryPerBlock:
      *value = gradus::sim::max_static_shared_bytes;
      return cudaSuccess;
    case cudaDevAttrMultiProcessorCount:
      *value = gradus::sim::multiprocessors;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
      *value = 9;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
      *value = 0;
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = gradus::sim::max_shared_bytes;
      return cudaSuccess;
  }
  return note(cudaErrorInvalidValue);
}

cudaError_t cudaDeviceSynchronize() {
  return note(gradus::sim::wait_for_all() ? cudaSuccess : cudaErrorLaunchFailure);
}

cudaError_t cudaMemGetInfo(size_t* available, size_t* total) {
  *total = gradus::sim::device_memory_bytes;
  *available = *total - DeviceMemory::instance().allocated_bytes();
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = gradus::sim::runtime_version;
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int* version) { return cudaRuntimeGetVersion(version); }

cudaError_t cudaMalloc(void** pointer, size_t bytes) {
  *pointer = nullptr;
  if (bytes == 0) return cudaSuccess;
  *pointer = DeviceMemory::instance().allocate(bytes);
  return note(*pointer != nullptr ? cudaSuccess : cudaErrorMemoryAllocation);
}

cudaError_t cudaFree(void* pointer) {
  if (pointer == nullptr) return cudaSuccess;
  const bool ok = gradus::sim::wait_for_all();
  if (!DeviceMemory::instance().release(pointer)) return note(cudaErrorInvalidValue);
  return note(ok ? cudaSuccess : cudaErrorLaunchFailure);
}

cudaError_t cudaMallocHost(void** pointer, size_t bytes) {
  auto* block = new char[bytes];
  *pointer = block;
  const std::lock_guard lock(gradus::sim::pinned().mutex);
  gradus::sim::pinned().blocks[block] = bytes;
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void* pointer) {
  if (pointer == nullptr) return cudaSuccess;
  const bool ok = gradus::sim::wait_for_all();
  const std::lock_guard lock(gradus::sim::pinned().mutex);
  if (gradus::sim::pinned().blocks.erase(static_cast<char*>(pointer)) == 0)
    return note(cudaErrorInvalidValue);
  delete[] static_cast<char*>(pointer);
  return note(ok ? cudaSuccess : cudaErrorLaunchFailure);
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  using gradus::sim::on_device;
  if (!gradus::sim::kind_fits(to, from, kind)) return note(cudaErrorInvalidValue);
  if (bytes == 0) return cudaSuccess;
  if (!on_device(from) && !gradus::sim::is_pinned(from, bytes)) {
    // Pageable memory is read before the call returns.
    const auto* bytes_of = static_cast<const char*>(from);
    auto staged = std::make_shared<std::vector<char>>(bytes_of, bytes_of + bytes);
    gradus::sim::submit(stream, "a copy to the device", [=](uint32_t operation) {
      return gradus::sim::copy(operation, to, staged->data(), bytes);
    });
    return cudaSuccess;
  }
  gradus::sim::submit(stream, "a copy from the device", [=](uint32_t operation) {
    return gradus::sim::copy(operation, to, from, bytes);
  });
  const bool pageable = !on_device(to) && !gradus::sim::is_pinned(to, bytes);
  return pageable ? note(cudaStreamSynchronize(stream)) : cudaSuccess;
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  const cudaError_t error = cudaMemcpyAsync(to, from, bytes, kind, nullptr);
  return error != cudaSuccess ? error : note(cudaStreamSynchronize(nullptr));
}

cudaError_t cudaMemsetAsync(void* pointer, int value, size_t bytes, cudaStream_t stream) {
  if (bytes == 0) return cudaSuccess;
  if (!gradus::sim::on_device(pointer)) return note(cudaErrorInvalidValue);
  gradus::sim::submit(stream, "a fill", [=](uint32_t operation) {
    if (!DeviceMemory::instance().operation_writes(operation, pointer, bytes)) return false;
    std::memset(pointer, value, bytes);
    return true;
  });
  return cudaSuccess;
}

cudaError_t cudaMemset(void* pointer, int value, size_t bytes) {
  const cudaError_t error = cudaMemsetAsync(pointer, value, bytes, nullptr);
  return error != cudaSuccess ? error : note(cudaStreamSynchronize(nullptr));
}
