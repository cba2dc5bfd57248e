// SPDX-License-Identifier: Apache-2.0
// A fuzz target: recipes, and an override of a command line (what follows the first zero byte).
// What is taken must read back from its own text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "training/recipe.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const size_t zero = bytes.find('\0');
  std::vector<std::string> overrides;
  if (zero != bytes.npos) overrides.push_back(bytes.substr(zero + 1));
  std::string text;
  try {
    text = gradus::parse_recipe(bytes.substr(0, zero), "fuzz", overrides).to_toml();
  } catch (const gradus::Error&) {
    return 0;  // refused: what hostile input should meet
  }
  if (gradus::parse_recipe(text, "again").to_toml() != text) std::abort();
  return 0;
}
