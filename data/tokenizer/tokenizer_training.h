// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizer/normalizer.h"
#include "data/tokenizer/pre_tokenizer.h"
#include "data/tokenizer/tokenizer.h"
#include "data/tokenizer/vocabulary.h"

namespace gradus {

// What to learn: GPT-2's form (byte-level BPE), or BERT's (WordPiece of cleaned lower case text,
// its pieces learned as BPE's).
enum class TokenizerKind { bpe, wordpiece };
std::optional<TokenizerKind> parse_tokenizer_kind(std::string_view name);

struct TokenizerTraining {
  TokenizerKind kind = TokenizerKind::bpe;
  int64_t vocabulary = 8192;
  int64_t least_count = 2;  // of a pair of tokens that become one
  // The first tokens; empty: <|endoftext|>, or [PAD] [UNK] [CLS] [SEP] [MASK], of which WordPiece
  // needs the middle three in any case.
  std::vector<std::string> special = {};
};

// Learns a tokenizer from texts. The same texts in any order give the same tokenizer.
class TokenizerTrainer {
 public:
  // Throws invalid_argument for sizes out of range and special tokens that are empty, twice there
  // or missing.
  explicit TokenizerTrainer(TokenizerTraining options);

  // Counts the words of a text, line by line. Throws bad_data where it is not UTF-8.
  void add(std::string_view text);
  // Throws where there was no word, and as train_bpe.
  std::shared_ptr<const Tokenizer> finish() const;

 private:
  TokenizerTraining options_;
  std::unique_ptr<Normalizer> normalizer_;
  std::unique_ptr<PreTokenizer> pre_tokenizer_;
  TextMap<int64_t> words_;
};

}  // namespace gradus
