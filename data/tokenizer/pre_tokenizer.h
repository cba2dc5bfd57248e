// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "data/tokenizer/json_fields.h"
#include "data/tokenizer/pieces.h"

namespace gradus {

// Cuts pieces into smaller ones, which a model then tokenizes each by itself.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual void apply(Pieces& pieces) const = 0;
};

// The pre-tokenizer that tokenizer.json describes: ByteLevel, Split, Whitespace, WhitespaceSplit,
// BertPreTokenizer, Digits, Punctuation, Metaspace, CharDelimiterSplit, or a Sequence of such.
// Throws as make_normalizer.
std::unique_ptr<PreTokenizer> make_pre_tokenizer(const Json& json, const std::string& where,
                                                 int depth = 0);

}  // namespace gradus
