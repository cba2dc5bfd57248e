// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/tensor/tensor.h"

namespace gradus {

// The one piece of memory that all plans of a device share, as large as the largest of them.
// Programs run one at a time.
class Arena {
 public:
  explicit Arena(Device& device) : device_(&device) {}

  Device& device() const { return *device_; }
  int64_t bytes() const { return buffer_ ? buffer_->bytes() : 0; }
  // Grows to at least `bytes`; contents are lost. `generation` then changes, and programs bind
  // again before their next run.
  void reserve(int64_t bytes);
  int64_t generation() const { return generation_; }
  const std::shared_ptr<Buffer>& buffer() const { return buffer_; }

 private:
  Device* device_;
  std::shared_ptr<Buffer> buffer_;
  int64_t generation_ = 0;
};

}  // namespace gradus
