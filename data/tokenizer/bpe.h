// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/tokenizer/pair_table.h"
#include "data/tokenizer/token_model.h"

namespace gradus {

using Merges = std::vector<std::pair<std::string, std::string>>;

struct BpeOptions {
  std::optional<std::string> unknown = {};  // token for what has none; without it, that is left out
  std::string prefix = {};                  // of tokens within a word
  std::string suffix = {};                  // of a word's last token
  bool fuse_unknown = false;                // neighbouring unknown code points are one token
  bool byte_fallback = false;  // unknown code points are the tokens <0x00> to <0xFF> of their bytes
  bool ignore_merges = false;  // a piece that is a token is not taken apart
};

// Byte-pair encoding (Sennrich et al. 2016): a piece is its code points, and of all neighbours the
// pair of the lowest rank merges, the leftmost first, until none has a merge.
class Bpe : public TokenModel {
 public:
  // Merges by rank. Throws bad_data beginning with `where` for one whose parts or whole are no
  // tokens.
  Bpe(Vocabulary vocabulary, const Merges& merges, BpeOptions options, const std::string& where);

  void encode(std::string_view piece, std::vector<int32_t>& ids) const override;

 private:
  void add_code_points(std::string_view piece, std::vector<int32_t>& ids) const;
  bool add_bytes(std::string_view text, std::vector<int32_t>& ids) const;
  std::string_view shown(std::string_view text, bool first, bool last, std::string& memory) const;

  PairTable merges_;
  BpeOptions options_;
  std::vector<int32_t> byte_ids_;  // of <0x00> to <0xFF>, -1 for those that are no tokens
};

}  // namespace gradus
