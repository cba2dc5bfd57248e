// SPDX-License-Identifier: Apache-2.0
// A fuzz target: a tokenizer.json, and a text for it (what follows the first zero byte). What is
// taken must read back from its own text and do the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "data/tokenizer/tokenizer.h"
#include "engine/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const size_t zero = bytes.find('\0');
  std::shared_ptr<const gradus::Tokenizer> tokenizer;
  try {
    tokenizer = gradus::Tokenizer::parse(bytes.substr(0, zero), "fuzz");
  } catch (const gradus::Error&) {
    return 0;  // refused: what hostile input should meet
  }
  const auto again = gradus::Tokenizer::parse(tokenizer->to_json(), "again");
  if (again->to_json() != tokenizer->to_json()) std::abort();
  if (zero == bytes.npos) return 0;
  try {
    const std::string text = bytes.substr(zero + 1, 4096);
    const std::vector<int32_t> ids = tokenizer->encode(text, true);
    (void)tokenizer->decode(ids, false);
    if (again->encode(text, true) != ids) std::abort();
  } catch (const gradus::Error&) {
    return 0;  // not UTF-8, no token for what is unknown, a pattern of too many steps
  }
  return 0;
}
