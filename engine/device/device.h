// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "engine/base/device_info.h"
#include "engine/base/stream_handle.h"

namespace gradus {

// A place with memory and ordered queues of work. One object per physical device, alive as long as
// the process. All sizes are bytes. A call that fails throws Error naming the device.
class Device {
 public:
  virtual ~Device() = default;

  virtual const DeviceInfo& info() const = 0;

  // 64-byte aligned on the CPU, 256-byte aligned on CUDA. Zero bytes give a null pointer. Contents
  // are undefined.
  virtual void* allocate(int64_t bytes) = 0;
  virtual void release(void* pointer) noexcept = 0;

  // Ordered on `stream`; host pointers may be pageable. The CPU device copies at once.
  virtual void copy_from_host(void* device, const void* host, int64_t bytes,
                              StreamHandle stream) = 0;
  virtual void copy_to_host(void* host, const void* device, int64_t bytes, StreamHandle stream) = 0;
  virtual void copy_within(void* to, const void* from, int64_t bytes, StreamHandle stream) = 0;
  virtual void fill_zero(void* pointer, int64_t bytes, StreamHandle stream) = 0;

  virtual StreamHandle default_stream() = 0;
  virtual StreamHandle create_stream() = 0;
  virtual void destroy_stream(StreamHandle stream) noexcept = 0;
  // Waits until all work queued on `stream` has ended; reports errors of that work.
  virtual void synchronize(StreamHandle stream) = 0;

  // Bytes allocated now and at the highest point, by allocate().
  virtual int64_t allocated_bytes() const = 0;
  virtual int64_t peak_bytes() const = 0;
};

Device& cpu_device();

// "cpu", "cuda", "cuda:N", or "auto" (cuda:0 where there is one, else the CPU). Throws for what
// this build or machine lacks.
Device& find_device(std::string_view name);

// Whether it can be one: auto, cpu, cuda or cuda:N with N below 1,000.
bool is_device_name(std::string_view name);

// Installed by the CUDA backend at start-up (engine/device/cuda); null where the build has none.
using CudaDeviceFactory = Device* (*)(int index);
void set_cuda_device_factory(CudaDeviceFactory factory);

}  // namespace gradus
