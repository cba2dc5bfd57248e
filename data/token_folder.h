// SPDX-License-Identifier: Apache-2.0
// A folder of token shards with what made them: tokenizer.json, and tokens.json with the counts of
// each part.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

inline constexpr std::string_view tokenizer_file = "tokenizer.json";
inline constexpr std::string_view token_counts_file = "tokens.json";

struct TokenCounts {
  int64_t documents = 0, characters = 0, bytes = 0, tokens = 0, shards = 0;
};
using PartCounts = std::map<std::string, TokenCounts>;  // by "train", "val", "test"

// Empty where the folder has no tokens.json. Throws bad_data for one that is damaged.
PartCounts read_token_counts(const std::string& folder);
std::string token_counts_json(const PartCounts& counts);

// Writes tokens to FOLDER/PART_000000.bin, PART_000001.bin, ..., of `shard` tokens each.
class ShardWriter {
 public:
  // Throws invalid_argument for a shard of no tokens or more than 2^31 - 1.
  ShardWriter(std::string folder, std::string part, int64_t shard);

  // Throws as write_token_shard.
  void add(const std::vector<int32_t>& tokens);
  void finish();
  int64_t shards() const { return shards_; }

 private:
  void write();

  std::string folder_, part_;
  size_t shard_;
  std::vector<int32_t> tokens_;
  int64_t shards_ = 0;
};

}  // namespace gradus
