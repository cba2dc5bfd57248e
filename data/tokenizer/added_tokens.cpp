// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer/added_tokens.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "data/tokenizer/code_points.h"
#include "data/tokenizer/unicode.h"
#include "data/tokenizer/vocabulary.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

constexpr size_t most_bytes = 1 << 20;  // of all added tokens together

AddedToken token_of(const Json& json, const std::string& where) {
  JsonFields fields(json, where + ": added_tokens");
  AddedToken token{.id = static_cast<int32_t>(fields.integer("id", 0, largest_token_id)),
                   .content = fields.text("content"),
                   .single_word = fields.flag("single_word"),
                   .lstrip = fields.flag("lstrip"),
                   .rstrip = fields.flag("rstrip"),
                   .normalized = fields.flag("normalized"),
                   .special = fields.flag("special")};
  fields.finish();
  if (token.content.empty()) fail(ErrorKind::bad_data, fields.where(), "a token is empty");
  return token;
}

size_t begin_of_last(std::string_view text) {
  size_t at = text.size() - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

bool ends_with_word(std::string_view text) {
  if (text.empty()) return false;
  size_t at = begin_of_last(text);
  return is_word(next_code_point(text, at));
}

bool begins_with_word(std::string_view text) {
  size_t at = 0;
  return !text.empty() && is_word(next_code_point(text, at));
}

// Where white space at the end of `text` begins, and where that at its beginning ends.
size_t trailing_space(std::string_view text) {
  while (!text.empty()) {
    const size_t last = begin_of_last(text);
    size_t at = last;
    if (!is_white_space(next_code_point(text, at))) break;
    text = text.substr(0, last);
  }
  return text.size();
}

size_t leading_space(std::string_view text) {
  size_t end = 0;
  for (size_t at = 0; at < text.size(); end = at)
    if (!is_white_space(next_code_point(text, at))) break;
  return end;
}

}  // namespace

void TextFinder::add(std::string_view text, int32_t id) {
  size_t at = 0;
  for (const char c : text) {
    const auto [place, is_first] = nodes_[at].next.emplace(c, nodes_.size());
    at = place->second;
    if (is_first) nodes_.emplace_back();
  }
  nodes_[at].id = id;
}

TextFinder::Match TextFinder::find(std::string_view text, size_t from) const {
  for (size_t begin = from; begin < text.size(); ++begin) {
    Match best{begin, begin, -1};
    size_t node = 0;
    for (size_t at = begin; at < text.size(); ++at) {
      const auto next = nodes_[node].next.find(text[at]);
      if (next == nodes_[node].next.end()) break;
      node = next->second;
      if (nodes_[node].id >= 0) best = {begin, at + 1, nodes_[node].id};
    }
    if (best.id >= 0) return best;
  }
  return {text.size(), text.size(), -1};
}

AddedTokens::AddedTokens(const Json& list, const std::string& where, const Normalizer* normalizer) {
  if (!list.is_array()) fail(ErrorKind::bad_data, where, "added_tokens, expected an array");
  std::map<std::string, int32_t> contents;
  size_t bytes = 0;
  for (const Json& json : list) {
    const AddedToken token = token_of(json, where);
    bytes += token.content.size();
    if (bytes > most_bytes)
      failf(ErrorKind::bad_data, where, "the added tokens have more than {} bytes", most_bytes);
    if (!contents.emplace(token.content, token.id).second)
      failf(ErrorKind::bad_data, where, "the added token '{}' stands twice", token.content);
    if (!tokens_.emplace(token.id, token).second)
      failf(ErrorKind::bad_data, where, "two added tokens have the id {}", token.id);
    const std::string sought =
        token.normalized && normalizer ? normalizer->apply(token.content) : token.content;
    shown_[token.id] = sought;
    (token.normalized ? normalized_ : plain_).add(sought, token.id);
  }
}

// Adds the parts of a piece: tokens, and the text between them.
void AddedTokens::cut_piece(const TextFinder& finder, std::string_view text, const Piece& piece,
                            std::vector<Piece>& list) const {
  size_t done = 0;
  const auto put = [&](size_t begin, size_t end, int32_t token) {
    if (begin < end || token >= 0)
      list.push_back({piece.begin + begin, piece.begin + end, token, piece.at_start && begin == 0});
  };
  for (size_t from = 0; from < text.size();) {
    auto [begin, end, id] = finder.find(text, from);
    if (id < 0) break;
    from = end;
    const AddedToken& token = tokens_.at(id);
    if (token.single_word &&
        (ends_with_word(text.substr(0, begin)) || begins_with_word(text.substr(end))))
      continue;
    if (token.lstrip) begin = trailing_space(text.substr(0, begin));
    if (token.rstrip) end += leading_space(text.substr(end));
    begin = std::max(begin, done);  // what the token before has taken already
    end = std::max(end, begin);
    put(done, begin, -1);
    put(begin, end, id);
    done = end;
  }
  put(done, text.size(), -1);
}

void AddedTokens::cut(Pieces& pieces, bool normalized) const {
  const TextFinder& finder = normalized ? normalized_ : plain_;
  if (finder.empty()) return;
  std::vector<Piece> list;
  for (const Piece& piece : pieces.list) {
    if (piece.token >= 0)
      list.push_back(piece);
    else
      cut_piece(finder, pieces.of(piece), piece, list);
  }
  pieces.list = std::move(list);
}

const AddedToken* AddedTokens::find(int32_t id) const {
  const auto found = tokens_.find(id);
  return found == tokens_.end() ? nullptr : &found->second;
}

const AddedToken* AddedTokens::find(std::string_view content) const {
  for (const auto& [id, token] : tokens_)
    if (token.content == content) return &token;
  return nullptr;
}

int64_t AddedTokens::limit() const { return tokens_.empty() ? 0 : tokens_.rbegin()->first + 1; }

}  // namespace gradus
