// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "data/tokenizer/token_model.h"

namespace gradus {

struct WordPieceOptions {
  std::string unknown = "[UNK]";
  std::string prefix = "##";   // of tokens within a word
  int64_t longest_word = 100;  // code points; a longer one is unknown
};

// Takes from a word the longest token that it begins with, then of the rest again; a word that
// cannot be taken apart to its end is one unknown token (Devlin et al. 2018).
class WordPiece : public TokenModel {
 public:
  WordPiece(Vocabulary vocabulary, WordPieceOptions options)
      : TokenModel(std::move(vocabulary)), options_(std::move(options)) {}

  void encode(std::string_view piece, std::vector<int32_t>& ids) const override;

 private:
  WordPieceOptions options_;
};

// A piece is a token or unknown.
class WordLevel : public TokenModel {
 public:
  WordLevel(Vocabulary vocabulary, std::string unknown)
      : TokenModel(std::move(vocabulary)), unknown_(std::move(unknown)) {}

  void encode(std::string_view piece, std::vector<int32_t>& ids) const override;

 private:
  std::string unknown_;
};

}  // namespace gradus
