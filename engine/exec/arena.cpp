// SPDX-License-Identifier: Apache-2.0
#include "engine/exec/arena.h"

namespace gradus {

void Arena::reserve(int64_t bytes) {
  if (buffer_ && buffer_->bytes() >= bytes) return;
  buffer_.reset();  // frees first: both would not always fit
  buffer_ = std::make_shared<Buffer>(*device_, bytes);
  ++generation_;
}

}  // namespace gradus
