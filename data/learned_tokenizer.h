// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "data/tokenizer/tokenizer_training.h"

namespace gradus {

// What `bpe:N` and `wordpiece:N` ask for: that kind, N tokens at most. Nothing for other names;
// throws invalid_argument where one of these kinds goes without a number.
std::optional<TokenizerTraining> parse_learned_tokenizer(std::string_view name);

// Learns from the training texts of a folder alone: train.txt, or the member `field` of each line
// of train.jsonl (`ending` says which). Throws as each_text and TokenizerTrainer.
std::shared_ptr<const Tokenizer> learn_tokenizer(const std::string& folder, std::string_view ending,
                                                 const std::string& field,
                                                 const TokenizerTraining& training);

}  // namespace gradus
