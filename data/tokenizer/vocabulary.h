// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace gradus {

inline constexpr int32_t largest_token_id = (1 << 24) - 1;

// Makes maps from texts take string_view.
struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
template <class T>
using TextMap = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

// Tokens and their ids, one to one; ids may leave gaps.
class Vocabulary {
 public:
  using Entries = std::vector<std::pair<std::string, int32_t>>;

  Vocabulary() = default;
  Vocabulary(Vocabulary&&) = default;
  Vocabulary& operator=(Vocabulary&&) = default;
  // Throws bad_data beginning with `where` for a token or an id that stands twice.
  Vocabulary(const Entries& entries, const std::string& where);

  int32_t find(std::string_view token) const;  // -1 where there is none
  const std::string* token(int32_t id) const;  // null where there is none
  int64_t size() const { return static_cast<int64_t>(ids_.size()); }
  int64_t limit() const { return limit_; }     // ids are below it
  size_t longest() const { return longest_; }  // bytes of a token, at most

 private:
  TextMap<int32_t> ids_;
  std::unordered_map<int32_t, const std::string*> tokens_;
  int64_t limit_ = 0;
  size_t longest_ = 0;
};

}  // namespace gradus
