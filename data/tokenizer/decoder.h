// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/tokenizer/json_fields.h"

namespace gradus {

// A change of tokens on their way back to a text, which is all of them one behind the other.
class Decoder {
 public:
  virtual ~Decoder() = default;
  // Tokens are well-formed UTF-8, and so are they after it.
  virtual std::vector<std::string> apply(std::vector<std::string> tokens) const = 0;
};

// The decoder that tokenizer.json describes: ByteLevel, ByteFallback, Metaspace, WordPiece,
// BPEDecoder, Fuse, Strip, Replace, or a Sequence of such. Throws as make_normalizer.
std::unique_ptr<Decoder> make_decoder(const Json& json, const std::string& where, int depth = 0);

}  // namespace gradus
