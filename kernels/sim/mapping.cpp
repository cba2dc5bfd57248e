// SPDX-License-Identifier: Apache-2.0
#include "kernels/sim/mapping.h"

#include <cstdint>
#include <cstring>
#include <new>

#include <sys/mman.h>

namespace gradus::sim {
namespace {

constexpr size_t page = 4096;
constexpr size_t worth_unmapping = 1 << 20;

uintptr_t round_up(uintptr_t value, size_t step) { return (value + step - 1) / step * step; }

}  // namespace

Mapping::Mapping(size_t bytes, size_t alignment) : mapped_(bytes + alignment), size_(bytes) {
  base_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base_ == MAP_FAILED) throw std::bad_alloc();
  data_ = reinterpret_cast<char*>(round_up(reinterpret_cast<uintptr_t>(base_), alignment));
}

Mapping::~Mapping() { munmap(base_, mapped_); }

void Mapping::clear(size_t offset, size_t bytes) {
  if (bytes < worth_unmapping) {
    std::memset(data_ + offset, 0, bytes);
    return;
  }
  const size_t first = round_up(offset, page);
  const size_t last = (offset + bytes) / page * page;
  std::memset(data_ + offset, 0, first - offset);
  madvise(data_ + first, last - first, MADV_DONTNEED);
  std::memset(data_ + last, 0, offset + bytes - last);
}

}  // namespace gradus::sim
