// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizer/vocabulary.h"

namespace gradus {

// Turns a piece of a text into tokens.
class TokenModel {
 public:
  explicit TokenModel(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}
  virtual ~TokenModel() = default;

  const Vocabulary& vocabulary() const { return vocabulary_; }
  // Adds the ids of `piece` (well-formed UTF-8, not empty) to `ids`. Throws bad_data where it has
  // none, for lack of a token for what is unknown.
  virtual void encode(std::string_view piece, std::vector<int32_t>& ids) const = 0;

 protected:
  // The id of the token for what is unknown.
  int32_t unknown_id(std::string_view token) const;

 private:
  Vocabulary vocabulary_;
};

}  // namespace gradus
