// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "data/tokenizer/json_fields.h"

namespace gradus {

// A change of a text before it is cut into pieces.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // `text` is well-formed UTF-8, and so is what it becomes.
  virtual std::string apply(std::string text) const = 0;
};

// The normalizer that tokenizer.json describes: NFC, NFD, NFKC, NFKD, Lowercase, Strip,
// StripAccents, Nmt, Replace, Prepend, ByteLevel, BertNormalizer, or a Sequence of such. `where`
// begins messages; `depth` counts sequences around it. Throws bad_data, and unsupported naming a
// type that is not known.
std::unique_ptr<Normalizer> make_normalizer(const Json& json, const std::string& where,
                                            int depth = 0);

inline constexpr int deepest_sequence = 8;

}  // namespace gradus
