// SPDX-License-Identifier: Apache-2.0
// A fuzz target: token shards.
#include "data/token_shard.h"
#include "engine/base/error.h"
#include "tests/fuzz/file_path.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    (void)gradus::read_token_shard(gradus::path_of(data, size));
  } catch (const gradus::Error&) {
    // Refused: what hostile input should meet.
  }
  return 0;
}
