// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "data/tokenizer/token_model.h"
#include "data/tokenizer/tokenizer_document.h"

namespace gradus {

// The model that the member `model` of a tokenizer.json and the document's large parts describe:
// BPE, WordPiece or WordLevel. Throws as make_normalizer.
std::unique_ptr<TokenModel> make_token_model(const Json& json, const TokenizerDocument& document,
                                             const std::string& where);

}  // namespace gradus
