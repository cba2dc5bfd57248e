// SPDX-License-Identifier: Apache-2.0
#include "data/token_shard.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "data/file_bytes.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

struct ShardForm {
  int32_t magic, version, width;
};
constexpr ShardForm forms[] = {{20240520, 1, 2}, {20240801, 7, 4}};

uint32_t little_endian(const uint8_t* bytes, int width) {
  uint32_t value = 0;
  for (int i = width - 1; i >= 0; --i) value = value << 8 | bytes[i];
  return value;
}

void put(std::vector<uint8_t>& bytes, uint32_t value, int width) {
  for (int i = 0; i < width; ++i) bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

}  // namespace

std::vector<int32_t> read_token_shard(const std::string& path) {
  const std::vector<uint8_t> bytes = read_bytes(path);
  if (bytes.size() < static_cast<size_t>(shard_header_bytes))
    failf(ErrorKind::bad_data, path, "expected a header of {} bytes, got {} bytes",
          shard_header_bytes, bytes.size());
  const auto field = [&](int i) {
    return static_cast<int32_t>(little_endian(bytes.data() + 4 * i, 4));
  };
  const auto* form = std::ranges::find(forms, field(0), &ShardForm::magic);
  if (form == std::end(forms))
    failf(ErrorKind::bad_data, path,
          "not a token shard: expected the number 20240520 or 20240801 "
          "at byte 0, got {}",
          field(0));
  if (field(1) != form->version)
    failf(ErrorKind::bad_data, path, "version, expected {}, got {}", form->version, field(1));
  const int64_t count = field(2);
  const int64_t left = static_cast<int64_t>(bytes.size()) - shard_header_bytes;
  if (count < 0 || count * form->width != left)
    failf(ErrorKind::bad_data, path, "{} tokens of {} bytes, but {} bytes behind the header", count,
          form->width, left);
  std::vector<int32_t> tokens(static_cast<size_t>(count));
  const uint8_t* from = bytes.data() + shard_header_bytes;
  for (size_t i = 0; i < tokens.size(); ++i, from += form->width) {
    const uint32_t token = little_endian(from, form->width);
    if (token > 0x7FFFFFFFu)
      failf(ErrorKind::bad_data, path, "token {}, expected below 2^31, got {}", i, token);
    tokens[i] = static_cast<int32_t>(token);
  }
  return tokens;
}

void write_token_shard(const std::string& path, std::span<const int32_t> tokens) {
  int32_t largest = 0;
  for (const int32_t token : tokens) {
    GRADUS_CHECK(token >= 0, "[{}] token, expected at least 0, got {}", path, token);
    largest = std::max(largest, token);
  }
  GRADUS_CHECK(tokens.size() <= 0x7FFFFFFFu, "[{}] {} tokens, a shard holds at most 2^31 - 1", path,
               tokens.size());
  const ShardForm& form = forms[largest < 65536 ? 0 : 1];
  std::vector<uint8_t> bytes;
  bytes.reserve(static_cast<size_t>(shard_header_bytes) +
                tokens.size() * static_cast<size_t>(form.width));
  for (const uint32_t value :
       {static_cast<uint32_t>(form.magic), static_cast<uint32_t>(form.version),
        static_cast<uint32_t>(tokens.size())})
    put(bytes, value, 4);
  bytes.resize(static_cast<size_t>(shard_header_bytes));
  for (const int32_t token : tokens) put(bytes, static_cast<uint32_t>(token), form.width);
  const std::string part = path + ".part";
  std::ofstream file(part, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  file.close();
  std::error_code error;
  if (file) std::filesystem::rename(part, path, error);
  if (!file || error) {
    std::filesystem::remove(part, error);
    failf(ErrorKind::io, path, "cannot write the tokens");
  }
}

}  // namespace gradus
