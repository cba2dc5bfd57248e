// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/token_folder.h"
#include "data/tokenizer/tokenizer.h"
#include "tools/text_inputs.h"

namespace gradus {

struct TextTokensOptions {
  std::string folder;
  std::string end;  // the token behind each document; empty: none
  double validation = 0;
  int64_t shard = 1;    // tokens a file
  bool framed = false;  // with what the tokenizer puts around a text
};

// Makes the folder where it is absent. Throws invalid_argument where it holds shards of `part`,
// which new ones would mix with, and io where the system refuses.
void make_token_folder(const std::string& folder, const std::string& part);

// Writes the tokens of texts to a folder of shards.
class TextTokens {
 public:
  // Throws invalid_argument where the tokenizer has no token `end`, and as make_token_folder.
  TextTokens(std::shared_ptr<const Tokenizer> tokenizer, TextTokensOptions options);

  // Throws as each_text, and naming the file for a text that the tokenizer cannot take.
  void add(const TextInput& input, const std::string& field);
  // Writes what is left, the tokenizer and the counts. Throws bad_data where there was no text.
  PartCounts finish();

 private:
  void divide(const TextInput& input, const std::vector<std::string>& texts);
  void write(std::string_view name, std::string_view contents) const;
  void put(const std::string& part, std::string_view text, const std::string& path);

  std::shared_ptr<const Tokenizer> tokenizer_;
  TextTokensOptions options_;
  int32_t end_ = -1;
  std::map<std::string, ShardWriter> writers_;
  PartCounts counts_;
};

}  // namespace gradus
