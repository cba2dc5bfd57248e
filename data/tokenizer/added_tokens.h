// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizer/json_fields.h"
#include "data/tokenizer/normalizer.h"
#include "data/tokenizer/pieces.h"

namespace gradus {

// A token that is found in a text before the model sees it.
struct AddedToken {
  int32_t id = 0;
  std::string content;
  bool single_word = false;  // not within a word
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // and behind it
  bool normalized = false;   // is sought, in its normal form, in the normalized text
  bool special = false;      // is left out in decoding
};

// Finds texts of a set: the leftmost, of those the longest.
class TextFinder {
 public:
  void add(std::string_view text, int32_t id);
  bool empty() const { return nodes_.size() == 1; }
  struct Match {
    size_t begin, end;
    int32_t id;
  };
  // Behind or at `from`; none: begin is text.size() and id -1.
  Match find(std::string_view text, size_t from) const;

 private:
  struct Node {
    std::map<char, size_t> next;
    int32_t id = -1;
  };
  std::vector<Node> nodes_ = std::vector<Node>(1);
};

class AddedTokens {
 public:
  // From the array `added_tokens` of tokenizer.json. Throws bad_data for an id or content that
  // stands twice.
  AddedTokens(const Json& list, const std::string& where, const Normalizer* normalizer);

  // Cuts out those tokens that are sought before normalizing, or those sought after it.
  void cut(Pieces& pieces, bool normalized) const;
  // Null where the id is of none.
  const AddedToken* find(int32_t id) const;
  const AddedToken* find(std::string_view content) const;
  // What decoding shows for it: its normal form, where that was sought.
  const std::string& shown(const AddedToken& token) const { return shown_.at(token.id); }
  int64_t limit() const;  // ids are below it

 private:
  void cut_piece(const TextFinder& finder, std::string_view text, const Piece& piece,
                 std::vector<Piece>& list) const;

  std::map<int32_t, AddedToken> tokens_;
  std::map<int32_t, std::string> shown_;
  TextFinder plain_, normalized_;
};

}  // namespace gradus
