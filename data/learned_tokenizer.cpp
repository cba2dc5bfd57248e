// SPDX-License-Identifier: Apache-2.0
#include "data/learned_tokenizer.h"

#include <charconv>

#include "data/file_bytes.h"
#include "data/text_files.h"
#include "engine/base/error.h"

namespace gradus {

std::optional<TokenizerTraining> parse_learned_tokenizer(std::string_view name) {
  const size_t colon = name.find(':');
  const std::optional<TokenizerKind> kind = parse_tokenizer_kind(name.substr(0, colon));
  if (!kind) return std::nullopt;
  TokenizerTraining training{.kind = *kind};
  const std::string_view number = colon == name.npos ? "" : name.substr(colon + 1);
  const char* end = number.data() + number.size();
  const auto [stop, error] = std::from_chars(number.data(), end, training.vocabulary);
  GRADUS_CHECK(error == std::errc() && stop == end,
               "[data.tokenizer] expected the size of the vocabulary, as in {}:1024, got '{}'",
               name.substr(0, colon), name);
  return training;
}

std::shared_ptr<const Tokenizer> learn_tokenizer(const std::string& folder, std::string_view ending,
                                                 const std::string& field,
                                                 const TokenizerTraining& training) {
  TokenizerTrainer trainer(training);
  const std::string path = find_packed(fmt::format("{}/train.{}", folder, ending));
  each_text(path, field, [&](std::string_view text) {
    try {
      trainer.add(text);
    } catch (const Error& error) {
      failf(error.kind(), path, "{}", error.what());
    }
  });
  return trainer.finish();
}

}  // namespace gradus
