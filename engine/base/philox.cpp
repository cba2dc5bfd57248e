// SPDX-License-Identifier: Apache-2.0
#include "engine/base/philox.h"

namespace gradus {

uint64_t path_id(std::string_view path) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (char c : path) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3ull;
  hash ^= hash >> 32;
  return hash * 0x9E3779B97F4A7C15ull;
}

}  // namespace gradus
