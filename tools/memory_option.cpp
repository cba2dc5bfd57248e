// SPDX-License-Identifier: Apache-2.0
#include "tools/memory_option.h"

#include <optional>

#include "engine/base/error.h"
#include "training/batch_choice.h"
#include "training/quantity.h"

namespace gradus {

int64_t memory_option(const std::string& text, int64_t taken) {
  if (text.empty()) return usable_memory() + taken;
  const std::optional<int64_t> bytes = parse_byte_size(text);
  GRADUS_CHECK(bytes, "--memory, expected a size as 8GiB, 512MiB or 4096, got '{}'", text);
  return *bytes;
}

}  // namespace gradus
