// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer/tokenizer.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "data/tokenizer/added_tokens.h"
#include "data/tokenizer/byte_alphabet.h"
#include "data/tokenizer/decoder.h"
#include "data/tokenizer/normalizer.h"
#include "data/tokenizer/post_processor.h"
#include "data/tokenizer/pre_tokenizer.h"
#include "data/tokenizer/token_model.h"
#include "data/tokenizer/token_model_reader.h"
#include "data/tokenizer/tokenizer_document.h"
#include "engine/base/error.h"
#include "engine/base/utf8.h"

namespace gradus {
namespace {

constexpr size_t remembered_words = 1 << 16, longest_remembered = 64;

template <class T>
std::unique_ptr<T> part_of(const Json* json, const std::string& where,
                           std::unique_ptr<T> (*make)(const Json&, const std::string&, int)) {
  return json ? make(*json, where, 0) : nullptr;
}

// The bytes' tokenizer in that form: each byte is the token of its value.
std::string bytes_document() {
  TokenizerDocument document;
  for (int byte = 0; byte < 256; ++byte) {
    std::string token;
    append_byte_alphabet(std::string(1, static_cast<char>(byte)), token);
    document.vocabulary.emplace_back(token, byte);
  }
  const Json byte_level = {{"type", "ByteLevel"},
                           {"add_prefix_space", false},
                           {"trim_offsets", true},
                           {"use_regex", false}};
  document.head = Json{{"version", "1.0"},          {"truncation", nullptr},
                       {"padding", nullptr},        {"added_tokens", Json::array()},
                       {"normalizer", nullptr},     {"pre_tokenizer", byte_level},
                       {"post_processor", nullptr}, {"decoder", byte_level},
                       {"model", {{"type", "BPE"}}}}
                      .dump();
  return to_json(document);
}

}  // namespace

struct Tokenizer::Parts {
  TokenizerDocument document;
  std::unique_ptr<Normalizer> normalizer;
  std::unique_ptr<AddedTokens> added;
  std::unique_ptr<PreTokenizer> pre_tokenizer;
  std::unique_ptr<TokenModel> model;
  Frame frame;
  std::unique_ptr<Decoder> decoder;
  mutable TextMap<std::vector<int32_t>> words;  // ids of short pieces

  const std::string* token(int32_t id, bool skip_special) const {
    const AddedToken* added_token = added->find(id);
    if (!added_token) return model->vocabulary().token(id);
    return skip_special && added_token->special ? nullptr : &added->shown(*added_token);
  }
};

Tokenizer::Tokenizer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Tokenizer::~Tokenizer() = default;

std::shared_ptr<const Tokenizer> Tokenizer::bytes() {
  return std::shared_ptr<const Tokenizer>(new Tokenizer(nullptr));
}

std::shared_ptr<const Tokenizer> Tokenizer::parse(std::string_view json, const std::string& name) {
  auto parts = std::make_unique<Parts>();
  parts->document = parse_tokenizer_document(json, name);
  const Json head = Json::parse(parts->document.head);
  JsonFields fields(head, name);
  if (const std::string version = fields.text_or("version", "1.0"); version != "1.0")
    failf(ErrorKind::unsupported, name, "version '{}', expected 1.0", version);
  // Lengths are the data set's affair.
  (void)fields.find("truncation");
  (void)fields.find("padding");
  parts->normalizer = part_of(fields.find("normalizer"), name + ": normalizer", make_normalizer);
  parts->pre_tokenizer =
      part_of(fields.find("pre_tokenizer"), name + ": pre_tokenizer", make_pre_tokenizer);
  parts->decoder = part_of(fields.find("decoder"), name + ": decoder", make_decoder);
  if (const Json* frame = fields.find("post_processor"))
    parts->frame = frame_of(*frame, name + ": post_processor");
  parts->model = make_token_model(fields.need("model"), parts->document, name + ": model");
  const Json* added = fields.find("added_tokens");
  parts->added =
      std::make_unique<AddedTokens>(added ? *added : Json::array(), name, parts->normalizer.get());
  fields.finish();
  return std::shared_ptr<const Tokenizer>(new Tokenizer(std::move(parts)));
}

bool Tokenizer::is_bytes() const { return !parts_; }

int64_t Tokenizer::vocabulary() const {
  if (!parts_) return 256;
  return std::max(parts_->model->vocabulary().limit(), parts_->added->limit());
}

void Tokenizer::encode_piece(std::string_view piece, std::vector<int32_t>& ids) const {
  auto& words = parts_->words;
  const auto known = words.find(piece);
  if (known != words.end()) {
    ids.insert(ids.end(), known->second.begin(), known->second.end());
    return;
  }
  const size_t first = ids.size();
  parts_->model->encode(piece, ids);
  if (piece.size() <= longest_remembered && words.size() < remembered_words)
    words.emplace(piece,
                  std::vector<int32_t>(ids.begin() + static_cast<int64_t>(first), ids.end()));
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, bool framed) const {
  std::vector<int32_t> ids;
  if (!parts_) {
    for (const char c : text) ids.push_back(static_cast<uint8_t>(c));
    return ids;
  }
  if (!is_utf8(text)) fail(ErrorKind::bad_data, "tokenizer", "the text is not UTF-8");
  Pieces pieces{std::string(text), {}};
  if (!text.empty()) pieces.list.push_back({0, text.size(), -1, true});
  parts_->added->cut(pieces, false);
  if (parts_->normalizer)
    rewrite_pieces(pieces, [this](const Piece&, std::string_view piece, std::string& out) {
      out += parts_->normalizer->apply(std::string(piece));
    });
  parts_->added->cut(pieces, true);
  if (parts_->pre_tokenizer) parts_->pre_tokenizer->apply(pieces);
  if (framed) ids = parts_->frame.before;
  for (const Piece& piece : pieces.list) {
    if (piece.token >= 0)
      ids.push_back(piece.token);
    else
      encode_piece(pieces.of(piece), ids);
  }
  if (framed) ids.insert(ids.end(), parts_->frame.behind.begin(), parts_->frame.behind.end());
  return ids;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  std::string text;
  if (!parts_) {
    for (const int32_t id : ids)
      if (id >= 0 && id < 256) text += static_cast<char>(id);
    return text;
  }
  std::vector<std::string> tokens;
  for (const int32_t id : ids)
    if (const std::string* token = parts_->token(id, skip_special)) tokens.push_back(*token);
  const bool joined = parts_->decoder != nullptr;
  if (joined) tokens = parts_->decoder->apply(std::move(tokens));
  for (const std::string& token : tokens) {
    if (!joined && &token != &tokens.front()) text += ' ';
    text += token;
  }
  return text;
}

std::optional<int32_t> Tokenizer::find(std::string_view token) const {
  if (!parts_) return {};
  if (const AddedToken* added = parts_->added->find(token)) return added->id;
  const int32_t id = parts_->model->vocabulary().find(token);
  return id < 0 ? std::nullopt : std::optional(id);
}

std::string Tokenizer::to_json() const {
  return parts_ ? gradus::to_json(parts_->document) : bytes_document();
}

}  // namespace gradus
