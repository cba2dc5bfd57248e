// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer_file.h"

#include <cstdint>
#include <vector>

#include "data/file_bytes.h"

namespace gradus {
namespace {

constexpr int64_t largest_file = int64_t{1} << 27;

}  // namespace

std::shared_ptr<const Tokenizer> read_tokenizer(const std::string& path) {
  if (path == "bytes") return Tokenizer::bytes();
  const std::vector<uint8_t> file = read_bytes(path, largest_file);
  return Tokenizer::parse({reinterpret_cast<const char*>(file.data()), file.size()}, path);
}

}  // namespace gradus
