// SPDX-License-Identifier: Apache-2.0
// From texts to tokens and back.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

// What a tokenizer.json says, equal to the library `tokenizers` in encoding and decoding; or bytes,
// each of which is a token. One thread at a time: encoding remembers words.
class Tokenizer {
 public:
  // A token is a byte; any text will do.
  static std::shared_ptr<const Tokenizer> bytes();
  // `json` is the text of a tokenizer.json, `name` begins messages. Throws bad_data for what is
  // damaged, unsupported naming what is not known.
  static std::shared_ptr<const Tokenizer> parse(std::string_view json, const std::string& name);
  ~Tokenizer();

  bool is_bytes() const;
  int64_t vocabulary() const;  // ids are below it
  // The ids of a text, with those that its post-processor puts around it where `framed`. Throws
  // bad_data for a text that is not UTF-8.
  std::vector<int32_t> encode(std::string_view text, bool framed = false) const;
  // Ids that no token has are left out, special tokens where `skip_special`. Bytes are given back
  // as they are; all else is UTF-8, with U+FFFD for what is not.
  std::string decode(std::span<const int32_t> ids, bool skip_special = true) const;
  // None where no token is called that.
  std::optional<int32_t> find(std::string_view token) const;
  // A tokenizer.json that parse takes back.
  std::string to_json() const;

 private:
  struct Parts;
  explicit Tokenizer(std::unique_ptr<Parts> parts);
  void encode_piece(std::string_view piece, std::vector<int32_t>& ids) const;

  std::unique_ptr<Parts> parts_;  // null: bytes
};

// Text as it comes, token by token: what may still change stays back.
class TextStream {
 public:
  explicit TextStream(std::shared_ptr<const Tokenizer> tokenizer)
      : tokenizer_(std::move(tokenizer)) {}

  // The text that `id` adds, which may be empty until later ones complete it.
  std::string add(int32_t id);
  // What stayed back.
  std::string finish();

 private:
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::vector<int32_t> ids_;  // the last ones
  size_t shown_ = 0;          // of them, how many are given out entirely
};

}  // namespace gradus
