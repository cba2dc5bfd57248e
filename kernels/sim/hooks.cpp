// SPDX-License-Identifier: Apache-2.0
// The compiler's access hooks. Kernel files are compiled with -fsanitize=thread and linked without
// its runtime: every load and store of kernel code calls one of these.
#include <cstddef>

#include <fmt/format.h>

#include "kernels/sim/access.h"
#include "kernels/sim/cluster.h"
#include "kernels/sim/device_memory.h"
#include "kernels/sim/options.h"

extern "C" const char __executable_start;
extern "C" const char end;  // from the linker: where the program image ends

namespace gradus::sim {
namespace {

bool inside(const void* address, const void* low, size_t bytes) {
  return static_cast<size_t>(static_cast<const char*>(address) - static_cast<const char*>(low)) <
         bytes;
}

const char* verb(Access access) { return access == Access::read ? "reads" : "writes"; }

// Constants of the program and the launch's parameters may be read; all else is the host's.
void check_other(Thread& thread, const void* address, uint32_t size, Access access, uint32_t site) {
  const LaunchRecord& launch = thread.cluster->launch();
  if (access == Access::read) {
    if (inside(address, launch.parameters.get(), launch.parameter_bytes)) return;
    if (inside(address, &__executable_start, static_cast<size_t>(&end - &__executable_start)))
      return;
  }
  thread.cluster->fail(Rule::host_pointer,
                       fmt::format("{} {} {} bytes at {}, which is not device memory [{}]",
                                   describe(thread), verb(access), size, address, site_name(site)));
}

void check_alignment(Thread& thread, const void* address, uint32_t size, Access access,
                     uint32_t site) {
  const bool power_of_two = (size & (size - 1)) == 0;
  if (!power_of_two || size > 16 || reinterpret_cast<uintptr_t>(address) % size == 0) return;
  thread.cluster->fail(Rule::alignment,
                       fmt::format("{} {} {} bytes at {}, which is not a multiple of that [{}]",
                                   describe(thread), verb(access), size, address, site_name(site)));
}

void count(Thread& thread, const void* address, uint32_t size, uint32_t site, bool shared) {
  thread.warp->log.note(site, thread.executions[site]++, thread.lane, shared,
                        reinterpret_cast<uintptr_t>(address), size);
}

void check_shared(Thread& thread, const void* address, uint32_t size, Access access,
                  uint32_t site) {
  SharedMemory& shared = thread.cluster->shared();
  const uint32_t offset = shared.offset_of(address);
  if (!thread.cluster->checks()) {
    shared.check_bounds(thread, offset, size, site);
  } else if (access == Access::read) {
    shared.read(thread, offset, size, site);
  } else if (access == Access::write) {
    shared.write(thread, offset, size, site);
  } else {
    shared.atomic(thread, offset, size, site);
  }
}

void check_device(Thread& thread, const void* address, uint32_t size, Access access,
                  uint32_t site) {
  DeviceMemory& memory = DeviceMemory::instance();
  if (!thread.cluster->checks()) {
    if (!memory.inside_allocation(address, size))
      thread.cluster->fail(Rule::bounds,
                           fmt::format("{} {} {} bytes at {} [{}]", describe(thread), verb(access),
                                       size, memory.where(address), site_name(site)));
  } else if (access == Access::read) {
    memory.read(thread, address, size, site);
  } else if (access == Access::write) {
    memory.write(thread, address, size, site);
  } else {
    memory.atomic(thread, address, size, site);
  }
}

}  // namespace

void check_access(Thread& thread, const void* address, uint32_t size, Access access,
                  uint32_t site) {
  if (inside(address, thread.stack_low, fiber_stack_bytes)) return;
  const bool shared = thread.cluster->shared().contains(address);
  const bool device = !shared && DeviceMemory::instance().contains(address);
  if (!shared && !device) return check_other(thread, address, size, access, site);
  check_alignment(thread, address, size, access, site);
  if (options().count_accesses) count(thread, address, size, site, shared);
  if (shared) {
    check_shared(thread, address, size, access, site);
  } else {
    check_device(thread, address, size, access, site);
  }
}

namespace {

inline void hook(const void* address, size_t size, Access access, const void* return_address) {
  if (!current.in_kernel) return;
  Thread& thread = *current.thread;
  if (inside(address, thread.stack_low, fiber_stack_bytes)) return;
  current.in_kernel = false;
  check_access(thread, address, static_cast<uint32_t>(size), access, site_of(return_address));
  current.in_kernel = true;
}

// For accesses the compiler knows to be unaligned: byte by byte, as nvcc would do it.
inline void hook_unaligned(const void* address, size_t size, Access access,
                           const void* return_address) {
  for (size_t i = 0; i < size; ++i)
    hook(static_cast<const char*>(address) + i, 1, access, return_address);
}

}  // namespace
}  // namespace gradus::sim

using gradus::sim::Access;

#define GRADUS_SIM_HOOKS(n)                                                        \
  void __tsan_read##n(void* p) {                                                   \
    gradus::sim::hook(p, n, Access::read, __builtin_return_address(0));            \
  }                                                                                \
  void __tsan_write##n(void* p) {                                                  \
    gradus::sim::hook(p, n, Access::write, __builtin_return_address(0));           \
  }                                                                                \
  void __tsan_unaligned_read##n(void* p) {                                         \
    gradus::sim::hook_unaligned(p, n, Access::read, __builtin_return_address(0));  \
  }                                                                                \
  void __tsan_unaligned_write##n(void* p) {                                        \
    gradus::sim::hook_unaligned(p, n, Access::write, __builtin_return_address(0)); \
  }

extern "C" {
void __tsan_init() {}
GRADUS_SIM_HOOKS(1)
GRADUS_SIM_HOOKS(2)
GRADUS_SIM_HOOKS(4)
GRADUS_SIM_HOOKS(8)
GRADUS_SIM_HOOKS(16)
void __tsan_read_range(void* p, unsigned long size) {
  gradus::sim::hook_unaligned(p, size, Access::read, __builtin_return_address(0));
}
void __tsan_write_range(void* p, unsigned long size) {
  gradus::sim::hook_unaligned(p, size, Access::write, __builtin_return_address(0));
}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
// The guard of a function-local static in the host part of a kernel file. Other atomics have no
// business there and stay undefined.
unsigned char __tsan_atomic8_load(const volatile unsigned char* p, int) {
  return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}
}
#undef GRADUS_SIM_HOOKS
