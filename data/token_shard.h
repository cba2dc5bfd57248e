// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gradus {

// Token files as llm.c has them: 256 little-endian i32 of header (magic number, version, tokens),
// then the tokens. Magic 20240520 with version 1 holds u16, 20240801 with version 7 holds u32.
inline constexpr int64_t shard_header_bytes = 1024;

// Throws bad_data naming the file for another magic number or version, a count that does not match
// the file's length, and a token above 2^31 - 1; as read_bytes too.
std::vector<int32_t> read_token_shard(const std::string& path);

// Writes u16 where every token is below 65,536, else u32. Throws invalid_argument for a negative
// token, io where the system refuses; then no file is left.
void write_token_shard(const std::string& path, std::span<const int32_t> tokens);

}  // namespace gradus
