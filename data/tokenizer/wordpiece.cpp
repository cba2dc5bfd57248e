// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer/wordpiece.h"

#include <algorithm>

#include "data/tokenizer/code_points.h"

namespace gradus {
namespace {

bool begins_code_point(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

struct Found {
  int32_t id = -1;
  size_t end = 0;
};

// The longest token that the piece begins with at `begin`.
Found longest_token(const Vocabulary& vocabulary, std::string_view piece, size_t begin,
                    const std::string& prefix, std::string& memory) {
  const std::string_view before = begin > 0 ? std::string_view(prefix) : "";
  if (vocabulary.longest() <= before.size()) return {};
  size_t end = std::min(piece.size(), begin + (vocabulary.longest() - before.size()));
  while (end > begin) {
    if (end == piece.size() || begins_code_point(piece[end])) {
      memory = before;
      memory += piece.substr(begin, end - begin);
      if (const int32_t id = vocabulary.find(memory); id >= 0) return {id, end};
    }
    --end;
  }
  return {};
}

}  // namespace

void WordPiece::encode(std::string_view piece, std::vector<int32_t>& ids) const {
  if (count_code_points(piece) > options_.longest_word)
    return ids.push_back(unknown_id(options_.unknown));
  const size_t first = ids.size();
  std::string memory;
  for (size_t begin = 0; begin < piece.size();) {
    const Found found = longest_token(vocabulary(), piece, begin, options_.prefix, memory);
    if (found.id < 0) {
      ids.resize(first);
      return ids.push_back(unknown_id(options_.unknown));
    }
    ids.push_back(found.id);
    begin = found.end;
  }
}

void WordLevel::encode(std::string_view piece, std::vector<int32_t>& ids) const {
  const int32_t id = vocabulary().find(piece);
  ids.push_back(id >= 0 ? id : unknown_id(unknown_));
}

}  // namespace gradus
