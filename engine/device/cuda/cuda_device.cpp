// SPDX-License-Identifier: Apache-2.0
#include "engine/device/cuda/cuda_device.h"

#include <array>
#include <map>
#include <mutex>

#include <cuda_runtime.h>
#include <fmt/format.h>

#include "engine/base/error.h"
#include "engine/base/version.h"

namespace gradus {
namespace {

constexpr int max_devices = 64;

cudaStream_t native(StreamHandle stream) { return static_cast<cudaStream_t>(stream.raw); }

class CudaDevice final : public Device {
 public:
  CudaDevice(int index, const cudaDeviceProp& properties) {
    info_.type = DeviceType::cuda;
    info_.index = index;
    info_.name = properties.name;
    info_.compute_capability = properties.major * 10 + properties.minor;
    info_.multiprocessors = properties.multiProcessorCount;
    info_.memory_bytes = static_cast<int64_t>(properties.totalGlobalMem);
    info_.shared_memory_per_block = static_cast<int64_t>(properties.sharedMemPerBlockOptin);
    default_stream_ = create_stream();
  }

  const DeviceInfo& info() const override { return info_; }

  void* allocate(int64_t bytes) override {
    if (bytes == 0) return nullptr;
    select();
    void* pointer = nullptr;
    const cudaError_t error = cudaMalloc(&pointer, static_cast<size_t>(bytes));
    if (error == cudaErrorMemoryAllocation) {
      (void)cudaGetLastError();
      failf(ErrorKind::out_of_memory, device_name(info_), "cannot allocate {} bytes ({} in use)",
            bytes, allocated_bytes());
    }
    check(error, "allocation");
    const std::lock_guard lock(mutex_);
    sizes_[pointer] = bytes;
    allocated_ += bytes;
    if (allocated_ > peak_) peak_ = allocated_;
    return pointer;
  }

  void release(void* pointer) noexcept override {
    if (pointer == nullptr) return;
    {
      const std::lock_guard lock(mutex_);
      const auto found = sizes_.find(pointer);
      allocated_ -= found->second;
      sizes_.erase(found);
    }
    (void)cudaFree(pointer);
  }

  void copy_from_host(void* device, const void* host, int64_t bytes, StreamHandle stream) override {
    copy(device, host, bytes, cudaMemcpyHostToDevice, stream);
  }
  void copy_to_host(void* host, const void* device, int64_t bytes, StreamHandle stream) override {
    copy(host, device, bytes, cudaMemcpyDeviceToHost, stream);
  }
  void copy_within(void* to, const void* from, int64_t bytes, StreamHandle stream) override {
    copy(to, from, bytes, cudaMemcpyDeviceToDevice, stream);
  }
  void fill_zero(void* pointer, int64_t bytes, StreamHandle stream) override {
    if (bytes == 0) return;
    select();
    check(cudaMemsetAsync(pointer, 0, static_cast<size_t>(bytes), native(stream)), "fill");
  }

  StreamHandle default_stream() override { return default_stream_; }

  StreamHandle create_stream() override {
    select();
    cudaStream_t stream = nullptr;
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
    return {stream};
  }
  void destroy_stream(StreamHandle stream) noexcept override {
    (void)cudaStreamDestroy(native(stream));
  }
  void synchronize(StreamHandle stream) override {
    select();
    check(cudaStreamSynchronize(native(stream)), "work on a stream");
  }

  int64_t allocated_bytes() const override {
    const std::lock_guard lock(mutex_);
    return allocated_;
  }
  int64_t peak_bytes() const override {
    const std::lock_guard lock(mutex_);
    return peak_;
  }

 private:
  // The runtime's present device is a property of the calling thread.
  void select() { check(cudaSetDevice(info_.index), "selection"); }

  void check(cudaError_t error, std::string_view what) const {
    if (error != cudaSuccess)
      failf(ErrorKind::internal, device_name(info_), "{} failed: {} ({})", what,
            cudaGetErrorString(error), cudaGetErrorName(error));
  }

  void copy(void* to, const void* from, int64_t bytes, cudaMemcpyKind kind, StreamHandle stream) {
    if (bytes == 0) return;
    select();
    check(cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), kind, native(stream)), "copy");
  }

  DeviceInfo info_;
  StreamHandle default_stream_;
  mutable std::mutex mutex_;
  std::map<void*, int64_t> sizes_;
  int64_t allocated_ = 0;
  int64_t peak_ = 0;
};

constexpr bool simulated = std::string_view(build_cuda) == "SIM";
constexpr int oldest_capability = 80;

struct Devices {
  int count = 0;
  std::string trouble;  // why there are none
};

Devices count_devices() {
  Devices devices;
  const cudaError_t error = cudaGetDeviceCount(&devices.count);
  if (error == cudaSuccess && devices.count > 0) return devices;
  (void)cudaGetLastError();
  return {0, error == cudaSuccess ? "no CUDA device" : cudaGetErrorString(error)};
}

cudaDeviceProp properties_of(int index) {
  cudaDeviceProp properties = {};
  const cudaError_t error = cudaGetDeviceProperties(&properties, index);
  if (error != cudaSuccess)
    failf(ErrorKind::unsupported, "cuda", "device {} tells nothing of itself: {}", index,
          cudaGetErrorString(error));
  return properties;
}

// Empty where kernels of this build run on the device.
std::string why_not(const cudaDeviceProp& properties) {
  const int capability = properties.major * 10 + properties.minor;
  if (capability >= oldest_capability) return {};
  return fmt::format("{} has compute capability {}.{}, kernels need {}.{}", properties.name,
                     properties.major, properties.minor, oldest_capability / 10,
                     oldest_capability % 10);
}

// Throws where the machine has no such device, or one too old. Devices are never destroyed:
// tensors may outlive static destruction.
Device* cuda_device(int index) {
  static std::mutex mutex;
  static std::array<CudaDevice*, max_devices> devices{};
  const std::lock_guard lock(mutex);
  const Devices all = count_devices();
  const auto refuse = [&](std::string_view why) {
    failf(ErrorKind::unsupported, fmt::format("cuda:{}", index), "{}; use device=cpu", why);
  };
  if (all.count == 0) refuse(all.trouble);
  if (index >= all.count || index >= max_devices)
    refuse(fmt::format("this machine has {} CUDA device{}, numbered from 0", all.count,
                       all.count == 1 ? "" : "s"));
  CudaDevice*& device = devices[static_cast<size_t>(index)];
  if (device != nullptr) return device;
  const cudaDeviceProp properties = properties_of(index);
  if (const std::string why = why_not(properties); !why.empty()) refuse(why);
  device = new CudaDevice(index, properties);
  return device;
}

// What set_cuda_device_factory() is given: -1 stands for what `auto` takes.
Device* device_or_automatic(int index) {
  if (index >= 0) return cuda_device(index);
  return why_not_cuda().empty() ? cuda_device(0) : nullptr;
}

}  // namespace

std::string why_not_cuda() {
  if (simulated) return "the simulated device is taken only where it is asked for";
  const Devices all = count_devices();
  return all.count == 0 ? all.trouble : why_not(properties_of(0));
}

void install_cuda_devices() { set_cuda_device_factory(device_or_automatic); }

}  // namespace gradus
