// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer/tokenizer_training.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "data/tokenizer/bpe_training.h"
#include "data/tokenizer/byte_alphabet.h"
#include "data/tokenizer/tokenizer_document.h"
#include "engine/base/error.h"
#include "engine/base/utf8.h"

namespace gradus {
namespace {

constexpr std::string_view within_word = "##";

Json byte_level(bool prefix_space, bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", prefix_space},
          {"trim_offsets", true},
          {"use_regex", use_regex}};
}

Json bert_normalizer() {
  return {{"type", "BertNormalizer"},
          {"clean_text", true},
          {"handle_chinese_chars", true},
          {"strip_accents", nullptr},
          {"lowercase", true}};
}

Json normalizer_of(TokenizerKind kind) {
  return kind == TokenizerKind::bpe ? Json() : bert_normalizer();
}

Json pre_tokenizer_of(TokenizerKind kind) {
  return kind == TokenizerKind::bpe ? byte_level(false, true) : Json{{"type", "BertPreTokenizer"}};
}

Json decoder_of(TokenizerKind kind) {
  if (kind == TokenizerKind::bpe) return byte_level(true, true);
  return {{"type", "WordPiece"}, {"prefix", within_word}, {"cleanup", true}};
}

Json model_of(TokenizerKind kind) {
  if (kind == TokenizerKind::bpe)
    return {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"ignore_merges", false}};
  return {{"type", "WordPiece"},
          {"unk_token", "[UNK]"},
          {"continuing_subword_prefix", within_word},
          {"max_input_chars_per_word", 100}};
}

Json added_tokens(const std::vector<std::string>& special) {
  Json list = Json::array();
  for (size_t id = 0; id < special.size(); ++id)
    list.push_back({{"id", id},
                    {"content", special[id]},
                    {"single_word", false},
                    {"lstrip", false},
                    {"rstrip", false},
                    {"normalized", false},
                    {"special", true}});
  return list;
}

Json special_piece(const char* token, int type_id) {
  return {{"SpecialToken", {{"id", token}, {"type_id", type_id}}}};
}
Json text_piece(const char* name, int type_id) {
  return {{"Sequence", {{"id", name}, {"type_id", type_id}}}};
}

// [CLS] text [SEP], [CLS] text [SEP] text [SEP].
Json bert_template(const std::vector<std::string>& special) {
  Json table = Json::object();
  for (const char* token : {"[CLS]", "[SEP]"}) {
    const auto id = std::ranges::find(special, token) - special.begin();
    table[token] = {{"id", token}, {"ids", Json::array({id})}, {"tokens", Json::array({token})}};
  }
  const Json begin = special_piece("[CLS]", 0), end = special_piece("[SEP]", 0);
  const Json a = text_piece("A", 0), b = text_piece("B", 1);
  return {{"type", "TemplateProcessing"},
          {"single", Json::array({begin, a, end})},
          {"pair", Json::array({begin, a, end, b, special_piece("[SEP]", 1)})},
          {"special_tokens", table}};
}

Json head_of(const TokenizerTraining& options) {
  const TokenizerKind kind = options.kind;
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added_tokens(options.special)},
          {"normalizer", normalizer_of(kind)},
          {"pre_tokenizer", pre_tokenizer_of(kind)},
          {"post_processor",
           kind == TokenizerKind::bpe ? byte_level(true, true) : bert_template(options.special)},
          {"decoder", decoder_of(kind)},
          {"model", model_of(kind)}};
}

void check(const TokenizerTraining& options) {
  GRADUS_CHECK(options.vocabulary > 0 && options.vocabulary <= largest_token_id,
               "[tokenizer] vocabulary, expected 1 to {}, got {}", largest_token_id,
               options.vocabulary);
  GRADUS_CHECK(options.least_count >= 0, "[tokenizer] least count, expected at least 0, got {}",
               options.least_count);
  for (size_t i = 0; i < options.special.size(); ++i) {
    const std::string& token = options.special[i];
    GRADUS_CHECK(!token.empty() && is_utf8(token),
                 "[tokenizer] special tokens, expected texts in UTF-8");
    GRADUS_CHECK(std::ranges::count(options.special, token) == 1,
                 "[tokenizer] the special token '{}' stands twice", token);
  }
  for (const char* needed : {"[UNK]", "[CLS]", "[SEP]"})
    GRADUS_CHECK(
        options.kind == TokenizerKind::bpe || std::ranges::count(options.special, needed) == 1,
        "[tokenizer] WordPiece needs the special token {}", needed);
}

}  // namespace

std::optional<TokenizerKind> parse_tokenizer_kind(std::string_view name) {
  if (name == "bpe") return TokenizerKind::bpe;
  if (name == "wordpiece") return TokenizerKind::wordpiece;
  return {};
}

TokenizerTrainer::TokenizerTrainer(TokenizerTraining options) : options_(std::move(options)) {
  if (options_.special.empty())
    options_.special = options_.kind == TokenizerKind::bpe
                           ? std::vector<std::string>{"<|endoftext|>"}
                           : std::vector<std::string>{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  check(options_);
  if (const Json normalizer = normalizer_of(options_.kind); !normalizer.is_null())
    normalizer_ = make_normalizer(normalizer, "tokenizer");
  pre_tokenizer_ = make_pre_tokenizer(pre_tokenizer_of(options_.kind), "tokenizer");
}

void TokenizerTrainer::add(std::string_view text) {
  if (!is_utf8(text)) fail(ErrorKind::bad_data, "tokenizer", "the text is not UTF-8");
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    std::string line(text.substr(0, end));
    text.remove_prefix(end);
    if (normalizer_) line = normalizer_->apply(std::move(line));
    Pieces pieces{std::move(line), {}};
    pieces.list.push_back({0, pieces.text.size(), -1, true});
    pre_tokenizer_->apply(pieces);
    for (const Piece& piece : pieces.list) {
      const std::string_view word = pieces.of(piece);
      const auto known = words_.find(word);
      if (known == words_.end())
        words_.emplace(word, 1);
      else
        ++known->second;
    }
  }
}

std::shared_ptr<const Tokenizer> TokenizerTrainer::finish() const {
  GRADUS_CHECK(!words_.empty(), "[tokenizer] there is no word to learn from");
  BpeTraining training{.vocabulary = options_.vocabulary,
                       .least_count = options_.least_count,
                       .special = options_.special};
  if (options_.kind == TokenizerKind::bpe)
    for (int byte = 0; byte < 256; ++byte)
      training.alphabet.insert(code_point_of_byte(static_cast<uint8_t>(byte)));
  else
    training.prefix = within_word;
  TrainedBpe trained = train_bpe(words_, training);
  TokenizerDocument document;
  document.head = head_of(options_).dump();
  document.vocabulary = std::move(trained.vocabulary);
  if (options_.kind == TokenizerKind::bpe) document.merges = std::move(trained.merges);
  return Tokenizer::parse(to_json(document), "trained tokenizer");
}

}  // namespace gradus
