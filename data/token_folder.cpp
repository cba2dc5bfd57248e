// SPDX-License-Identifier: Apache-2.0
#include "data/token_folder.h"

#include <algorithm>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "data/file_bytes.h"
#include "data/token_shard.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::pair<const char*, int64_t TokenCounts::*> members[] = {
    {"documents", &TokenCounts::documents},
    {"characters", &TokenCounts::characters},
    {"bytes", &TokenCounts::bytes},
    {"tokens", &TokenCounts::tokens},
    {"shards", &TokenCounts::shards}};

TokenCounts counts_of(const Json& json, const std::string& path) {
  TokenCounts counts;
  for (const auto& [name, member] : members) {
    const auto found = json.is_object() ? json.find(name) : json.end();
    const bool fits = json.is_object() && found != json.end() && found->is_number_unsigned() &&
                      found->get<uint64_t>() <= INT64_MAX;
    if (!fits) failf(ErrorKind::bad_data, path, "'{}', expected a count", name);
    counts.*member = found->get<int64_t>();
  }
  return counts;
}

}  // namespace

PartCounts read_token_counts(const std::string& folder) {
  const std::string path = fmt::format("{}/{}", folder, token_counts_file);
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return {};
  const std::vector<uint8_t> bytes = read_bytes(path, 1 << 20);
  const Json json = Json::parse(bytes.begin(), bytes.end(), nullptr, false);
  if (!json.is_object() || !json.contains("parts") || !json["parts"].is_object())
    fail(ErrorKind::bad_data, path, "expected a JSON object with a member 'parts'");
  PartCounts counts;
  for (const auto& [part, value] : json["parts"].items()) counts[part] = counts_of(value, path);
  return counts;
}

std::string token_counts_json(const PartCounts& counts) {
  Json parts = Json::object();
  for (const auto& [part, of] : counts)
    for (const auto& [name, member] : members) parts[part][name] = of.*member;
  return Json{{"parts", parts}}.dump(2) + "\n";
}

ShardWriter::ShardWriter(std::string folder, std::string part, int64_t shard)
    : folder_(std::move(folder)), part_(std::move(part)), shard_(static_cast<size_t>(shard)) {
  GRADUS_CHECK(shard > 0 && shard <= INT32_MAX, "[shard] tokens, expected 1 to {}, got {}",
               INT32_MAX, shard);
}

void ShardWriter::add(const std::vector<int32_t>& tokens) {
  for (size_t done = 0; done < tokens.size();) {
    const size_t count = std::min(tokens.size() - done, shard_ - tokens_.size());
    tokens_.insert(tokens_.end(), tokens.begin() + static_cast<int64_t>(done),
                   tokens.begin() + static_cast<int64_t>(done + count));
    done += count;
    if (tokens_.size() == shard_) write();
  }
}

void ShardWriter::finish() {
  if (!tokens_.empty()) write();
}

void ShardWriter::write() {
  write_token_shard(fmt::format("{}/{}_{:06}.bin", folder_, part_, shards_), tokens_);
  tokens_.clear();
  ++shards_;
}

}  // namespace gradus
