// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer/vocabulary.h"

#include <algorithm>

#include "engine/base/error.h"

namespace gradus {

Vocabulary::Vocabulary(const Entries& entries, const std::string& where) {
  ids_.reserve(entries.size());
  tokens_.reserve(entries.size());
  for (const auto& [token, id] : entries) {
    if (id < 0 || id > largest_token_id)
      failf(ErrorKind::bad_data, where, "id of '{}', expected 0 to {}, got {}", token,
            largest_token_id, id);
    const auto [place, is_first] = ids_.emplace(token, id);
    if (!is_first) failf(ErrorKind::bad_data, where, "the token '{}' stands twice", token);
    const auto [other, is_unused] = tokens_.emplace(id, &place->first);
    if (!is_unused)
      failf(ErrorKind::bad_data, where, "the tokens '{}' and '{}' have the same id {}",
            *other->second, token, id);
    limit_ = std::max<int64_t>(limit_, id + 1);
    longest_ = std::max(longest_, token.size());
  }
}

int32_t Vocabulary::find(std::string_view token) const {
  const auto found = ids_.find(token);
  return found == ids_.end() ? -1 : found->second;
}

const std::string* Vocabulary::token(int32_t id) const {
  const auto found = tokens_.find(id);
  return found == tokens_.end() ? nullptr : found->second;
}

}  // namespace gradus
