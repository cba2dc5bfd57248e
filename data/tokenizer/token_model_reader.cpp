// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer/token_model_reader.h"

#include <nlohmann/json.hpp>

#include "data/tokenizer/bpe.h"
#include "data/tokenizer/wordpiece.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

using Made = std::unique_ptr<TokenModel>;

Made make_bpe(JsonFields& fields, const TokenizerDocument& document) {
  if (const Json* dropout = fields.find("dropout"))
    if (!dropout->is_number() || dropout->get<double>() != 0)
      fail(ErrorKind::unsupported, fields.where(), "dropout of merges is not known");
  BpeOptions options{.prefix = fields.text_or("continuing_subword_prefix", ""),
                     .suffix = fields.text_or("end_of_word_suffix", ""),
                     .fuse_unknown = fields.flag_or("fuse_unk", false),
                     .byte_fallback = fields.flag_or("byte_fallback", false),
                     .ignore_merges = fields.flag_or("ignore_merges", false)};
  if (fields.find("unk_token")) options.unknown = fields.text("unk_token");
  return std::make_unique<Bpe>(Vocabulary(document.vocabulary, fields.where()), document.merges,
                               std::move(options), fields.where());
}

Made make_wordpiece(JsonFields& fields, const TokenizerDocument& document) {
  WordPieceOptions options{.unknown = fields.text("unk_token"),
                           .prefix = fields.text("continuing_subword_prefix"),
                           .longest_word = fields.integer("max_input_chars_per_word", 0, 1 << 30)};
  return std::make_unique<WordPiece>(Vocabulary(document.vocabulary, fields.where()),
                                     std::move(options));
}

Made make_word_level(JsonFields& fields, const TokenizerDocument& document) {
  return std::make_unique<WordLevel>(Vocabulary(document.vocabulary, fields.where()),
                                     fields.text("unk_token"));
}

}  // namespace

std::unique_ptr<TokenModel> make_token_model(const Json& json, const TokenizerDocument& document,
                                             const std::string& where) {
  JsonFields fields(json, where);
  const std::string type = fields.text_or("type", "BPE");
  Made made;
  if (type == "BPE")
    made = make_bpe(fields, document);
  else if (type == "WordPiece")
    made = make_wordpiece(fields, document);
  else if (type == "WordLevel")
    made = make_word_level(fields, document);
  else
    failf(ErrorKind::unsupported, where, "the model '{}' is not known", type);
  fields.finish();
  if (document.vocabulary.empty()) fail(ErrorKind::bad_data, where, "the vocabulary is empty");
  if (type != "BPE" && !document.merges.empty())
    failf(ErrorKind::bad_data, where, "merges belong to BPE, not {}", type);
  return made;
}

}  // namespace gradus
