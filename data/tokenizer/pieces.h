// SPDX-License-Identifier: Apache-2.0
// A text on its way to tokens: cut into pieces, some of which are tokens already.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizer/regex.h"

namespace gradus {

struct Piece {
  size_t begin, end;      // bytes of the text
  int32_t token = -1;     // that it is; -1: text to be tokenized
  bool at_start = false;  // it begins where the text does
};

struct Pieces {
  std::string text;
  std::vector<Piece> list;

  std::string_view of(const Piece& piece) const {
    return std::string_view(text).substr(piece.begin, piece.end - piece.begin);
  }
};

// A part of a piece, and whether a pattern matches it. Parts cover the piece in order.
struct Part {
  size_t begin, end;
  bool match;
};

std::vector<Part> parts_by_regex(std::string_view text, const Regex& regex);
std::vector<Part> parts_by_code_point(std::string_view text, bool (*matches)(char32_t));

// What becomes of the matches.
enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };
std::optional<SplitBehavior> parse_split_behavior(std::string_view name);  // "Removed", ...

// Cuts every piece that is text into the parts that `parts` gives for it. Empty ones are dropped.
void split_pieces(Pieces& pieces, SplitBehavior behavior,
                  const std::function<std::vector<Part>(std::string_view)>& parts);

// Replaces the text of every piece that is no token by what `change` adds to `out`.
void rewrite_pieces(
    Pieces& pieces,
    const std::function<void(const Piece&, std::string_view, std::string& out)>& change);

}  // namespace gradus
