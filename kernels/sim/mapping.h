// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace gradus::sim {

// A large range of zeroed address space whose pages take memory only once touched.
class Mapping {
 public:
  // `alignment` is a power of two.
  explicit Mapping(size_t bytes, size_t alignment = 4096);
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  char* data() const { return data_; }
  size_t size() const { return size_; }

  // Makes [offset, offset + bytes) zero, giving whole pages back.
  void clear(size_t offset, size_t bytes);

 private:
  void* base_;
  size_t mapped_;
  char* data_;
  size_t size_;
};

}  // namespace gradus::sim
