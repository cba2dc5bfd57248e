// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/tokenizer/bpe.h"
#include "data/tokenizer/json_fields.h"
#include "data/tokenizer/vocabulary.h"

namespace gradus {

// A tokenizer.json (the format of the Hugging Face library `tokenizers`, version 1.0), its large
// parts taken out of the JSON: objects there have few members.
struct TokenizerDocument {
  std::string head;  // JSON: everything but model.vocab and model.merges
  Vocabulary::Entries vocabulary;
  Merges merges;
};

// Throws bad_data beginning with `name` for what is not JSON, not UTF-8, too deep, has a member
// twice, or another form of vocabulary or merges.
TokenizerDocument parse_tokenizer_document(std::string_view text, const std::string& name);

// The document as that library writes it: indented by two, the vocabulary by id.
std::string to_json(const TokenizerDocument& document);

}  // namespace gradus
