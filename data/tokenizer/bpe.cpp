// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer/bpe.h"

#include "data/tokenizer/code_points.h"
#include "data/tokenizer/merging.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

int32_t part_id(const Vocabulary& vocabulary, const std::string& token, size_t rank,
                const std::string& where) {
  const int32_t id = vocabulary.find(token);
  if (id < 0)
    failf(ErrorKind::bad_data, where, "merge {}: '{}' is not in the vocabulary", rank, token);
  return id;
}

PairTable table_of(const Vocabulary& vocabulary, const Merges& merges, const std::string& prefix,
                   const std::string& where) {
  PairTable table(merges.size());
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    const int32_t first = part_id(vocabulary, left, rank, where);
    const int32_t second = part_id(vocabulary, right, rank, where);
    if (!right.starts_with(prefix))
      failf(ErrorKind::bad_data, where, "merge {}: '{}' does not begin with '{}'", rank, right,
            prefix);
    const int32_t whole = part_id(vocabulary, left + right.substr(prefix.size()), rank, where);
    table.set(first, second, {static_cast<int32_t>(rank), whole});
  }
  return table;
}

}  // namespace

Bpe::Bpe(Vocabulary vocabulary, const Merges& merges, BpeOptions options, const std::string& where)
    : TokenModel(std::move(vocabulary)),
      merges_(table_of(this->vocabulary(), merges, options.prefix, where)),
      options_(std::move(options)) {
  if (!options_.byte_fallback) return;
  for (int byte = 0; byte < 256; ++byte)
    byte_ids_.push_back(this->vocabulary().find(fmt::format("<0x{:02X}>", byte)));
}

void Bpe::encode(std::string_view piece, std::vector<int32_t>& ids) const {
  if (options_.ignore_merges) {
    if (const int32_t id = vocabulary().find(piece); id >= 0) return ids.push_back(id);
  }
  const size_t first = ids.size();
  add_code_points(piece, ids);
  merge_pairs(merges_, ids, first);
}

void Bpe::add_code_points(std::string_view piece, std::vector<int32_t>& ids) const {
  std::string memory;
  bool unknown_before = false;
  // An unknown token waits until what follows is known, for bytes of others go before it.
  const auto put_unknown = [&] {
    if (unknown_before) ids.push_back(unknown_id(*options_.unknown));
    unknown_before = false;
  };
  for (size_t at = 0; at < piece.size();) {
    const size_t begin = at;
    (void)next_code_point(piece, at);
    const std::string_view text =
        shown(piece.substr(begin, at - begin), begin == 0, at == piece.size(), memory);
    if (const int32_t id = vocabulary().find(text); id >= 0) {
      put_unknown();
      ids.push_back(id);
    } else if (!add_bytes(text, ids) && options_.unknown) {
      if (!options_.fuse_unknown) put_unknown();
      unknown_before = true;
    }
  }
  put_unknown();
}

bool Bpe::add_bytes(std::string_view text, std::vector<int32_t>& ids) const {
  if (!options_.byte_fallback) return false;
  for (const char c : text)
    if (byte_ids_[static_cast<uint8_t>(c)] < 0) return false;
  for (const char c : text) ids.push_back(byte_ids_[static_cast<uint8_t>(c)]);
  return true;
}

// A code point as it stands in the vocabulary.
std::string_view Bpe::shown(std::string_view text, bool first, bool last,
                            std::string& memory) const {
  const bool before = !first && !options_.prefix.empty();
  const bool behind = last && !options_.suffix.empty();
  if (!before && !behind) return text;
  memory = before ? options_.prefix : "";
  memory += text;
  if (behind) memory += options_.suffix;
  return memory;
}

}  // namespace gradus
