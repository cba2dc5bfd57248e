// SPDX-License-Identifier: Apache-2.0
// Thread indices, shared variables and vector accesses of kernel code.
#include <cstring>

#include <fmt/format.h>

#include "kernels/sim/access.h"
#include "kernels/sim/cluster.h"
#include "kernels/sim/device.h"

namespace gradus::sim {
namespace {

uint3 to_uint3(const Dim3& d) { return {d.x, d.y, d.z}; }

}  // namespace

uint3 thread_index() { return to_uint3(current.thread->index); }
uint3 block_index() { return to_uint3(current.thread->block->index); }
uint3 block_extent() { return to_uint3(current.thread->cluster->launch().block); }
uint3 grid_extent() { return to_uint3(current.thread->cluster->launch().grid); }

__attribute__((noinline)) void* shared_variable(const void* key, uint32_t bytes,
                                                uint32_t alignment) {
  const Entry entry(__builtin_return_address(0));
  Block& block = *entry.thread.block;
  const auto [slot, fresh] = block.slots.try_emplace(key, nullptr);
  if (fresh) {
    Cluster& cluster = *entry.thread.cluster;
    slot->second = cluster.shared().grow_window(block.rank, bytes, alignment);
    if (slot->second == nullptr)
      cluster.fail(Rule::launch, fmt::format("{} more bytes of shared memory do not fit [{}]",
                                             bytes, site_name(entry.site)));
  }
  return slot->second;
}

__attribute__((noinline)) void* dynamic_shared_memory(uint32_t bytes) {
  const Entry entry(__builtin_return_address(0));
  Cluster& cluster = *entry.thread.cluster;
  if (bytes > cluster.launch().shared_bytes)
    cluster.fail(Rule::launch,
                 fmt::format("the kernel uses {} bytes of dynamic shared memory, launched with {}",
                             bytes, cluster.launch().shared_bytes));
  return cluster.shared().window(entry.thread.block->rank);
}

__attribute__((noinline)) uint32_t shared_address(const void* pointer) {
  const Entry entry(__builtin_return_address(0));
  Cluster& cluster = *entry.thread.cluster;
  if (!cluster.shared().contains(pointer))
    cluster.fail(Rule::bounds, fmt::format("{}: {} is not in shared memory [{}]",
                                           describe(entry.thread), pointer, site_name(entry.site)));
  return cluster.shared().offset_of(pointer) % window_bytes;
}

__attribute__((noinline)) void load_vector(void* value, const void* address, uint32_t bytes) {
  const Entry entry(__builtin_return_address(0));
  check_access(entry.thread, address, bytes, Access::read, entry.site);
  std::memcpy(value, address, bytes);
}

__attribute__((noinline)) void store_vector(void* address, const void* value, uint32_t bytes) {
  const Entry entry(__builtin_return_address(0));
  check_access(entry.thread, address, bytes, Access::write, entry.site);
  std::memcpy(address, value, bytes);
}

}  // namespace gradus::sim
