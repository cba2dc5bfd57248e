// SPDX-License-Identifier: Apache-2.0
#include <sys/mman.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>

#include "engine/base/error.h"
#include "engine/base/instruction_set.h"
#include "engine/base/parallel.h"
#include "engine/device/device.h"

namespace gradus {
namespace {

DeviceInfo describe_cpu() {
  DeviceInfo info;
  info.type = DeviceType::cpu;
  info.name = "CPU";
  info.multiprocessors = thread_count();
  info.avx2 = instruction_set() >= InstructionSet::avx2;
  info.avx512 = instruction_set() >= InstructionSet::avx512;
  return info;
}

constexpr int64_t huge_page = int64_t{2} << 20;

class CpuDevice final : public Device {
 public:
  const DeviceInfo& info() const override { return info_; }

  void* allocate(int64_t bytes) override {
    if (bytes == 0) return nullptr;
    const int64_t alignment = bytes < huge_page ? 64 : huge_page;
    const int64_t rounded = bytes > INT64_MAX - huge_page ? -1 : (bytes + 63) / 64 * 64;
    void* pointer = nullptr;
    if (rounded < 0 ||
        posix_memalign(&pointer, static_cast<size_t>(alignment), static_cast<size_t>(rounded)) != 0)
      pointer = nullptr;
    if (pointer == nullptr)
      failf(ErrorKind::out_of_memory, "cpu", "cannot allocate {} bytes ({} in use)", bytes,
            allocated_bytes());
    // Matrices whose rows lie in different pages need a translation a row: few, large pages save
    // misses. A refusal changes nothing.
    if (alignment == huge_page)
      (void)madvise(pointer, static_cast<size_t>(rounded / huge_page * huge_page), MADV_HUGEPAGE);
    const std::lock_guard lock(mutex_);
    sizes_[pointer] = bytes;
    allocated_ += bytes;
    if (allocated_ > peak_) peak_ = allocated_;
    return pointer;
  }

  void release(void* pointer) noexcept override {
    if (pointer == nullptr) return;
    const std::lock_guard lock(mutex_);
    const auto found = sizes_.find(pointer);
    allocated_ -= found->second;
    sizes_.erase(found);
    std::free(pointer);
  }

  void copy_from_host(void* device, const void* host, int64_t bytes, StreamHandle) override {
    copy(device, host, bytes);
  }
  void copy_to_host(void* host, const void* device, int64_t bytes, StreamHandle) override {
    copy(host, device, bytes);
  }
  void copy_within(void* to, const void* from, int64_t bytes, StreamHandle) override {
    copy(to, from, bytes);
  }
  void fill_zero(void* pointer, int64_t bytes, StreamHandle) override {
    if (bytes > 0) std::memset(pointer, 0, static_cast<size_t>(bytes));
  }

  StreamHandle default_stream() override { return {}; }
  StreamHandle create_stream() override { return {}; }
  void destroy_stream(StreamHandle) noexcept override {}
  void synchronize(StreamHandle) override {}

  int64_t allocated_bytes() const override {
    const std::lock_guard lock(mutex_);
    return allocated_;
  }
  int64_t peak_bytes() const override {
    const std::lock_guard lock(mutex_);
    return peak_;
  }

 private:
  static void copy(void* to, const void* from, int64_t bytes) {
    if (bytes > 0) std::memmove(to, from, static_cast<size_t>(bytes));
  }

  const DeviceInfo info_ = describe_cpu();
  mutable std::mutex mutex_;
  std::map<void*, int64_t> sizes_;
  int64_t allocated_ = 0;
  int64_t peak_ = 0;
};

std::atomic<CudaDeviceFactory> cuda_factory{nullptr};

// The N of cuda:N, 0 of cuda; null for any other name.
std::optional<int> cuda_index(std::string_view name) {
  if (name == "cuda") return 0;
  if (!name.starts_with("cuda:") || name.size() == 5 || name.size() > 8) return {};
  int index = 0;
  for (const char c : name.substr(5)) {
    if (c < '0' || c > '9') return {};
    index = index * 10 + (c - '0');
  }
  return index;
}

}  // namespace

Device& cpu_device() {
  static CpuDevice* device =
      new CpuDevice;  // never destroyed: tensors may outlive static destruction
  return *device;
}

bool is_device_name(std::string_view name) {
  return name == "auto" || name == "cpu" || cuda_index(name);
}

void set_cuda_device_factory(CudaDeviceFactory factory) { cuda_factory = factory; }

Device& find_device(std::string_view name) {
  const CudaDeviceFactory factory = cuda_factory;
  if (name == "cpu") return cpu_device();
  if (name == "auto") {
    constexpr int automatic = -1;  // null where auto is to take the CPU
    Device* cuda = factory ? factory(automatic) : nullptr;
    return cuda ? *cuda : cpu_device();
  }
  const std::optional<int> index = cuda_index(name);
  GRADUS_CHECK(index, "unknown device '{}', expected auto, cpu, cuda or cuda:N", name);
  if (factory == nullptr)
    fail(ErrorKind::unsupported, name, "this build of Gradus has no CUDA backend; use device=cpu");
  if (Device* device = factory(*index)) return *device;
  failf(ErrorKind::unsupported, name, "this machine has no CUDA device {}; use device=cpu", *index);
}

}  // namespace gradus
