// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer/pieces.h"

#include <algorithm>
#include <array>
#include <utility>

#include "data/tokenizer/code_points.h"

namespace gradus {
namespace {

constexpr std::array<std::pair<std::string_view, SplitBehavior>, 5> behaviors = {{
    {"Removed", SplitBehavior::removed},
    {"Isolated", SplitBehavior::isolated},
    {"MergedWithPrevious", SplitBehavior::merged_with_previous},
    {"MergedWithNext", SplitBehavior::merged_with_next},
    {"Contiguous", SplitBehavior::contiguous},
}};

// Joins neighbours as `behavior` wants it. A match that follows a match stays by itself.
std::vector<Part> joined(std::vector<Part> parts, SplitBehavior behavior) {
  std::vector<Part> result;
  bool last_match = false;
  const bool backwards = behavior == SplitBehavior::merged_with_next;
  if (backwards) std::ranges::reverse(parts);
  for (const Part& part : parts) {
    const bool joins = behavior == SplitBehavior::contiguous ? part.match == last_match
                                                             : part.match && !last_match;
    if (joins && !result.empty())
      (backwards ? result.back().begin : result.back().end) = backwards ? part.begin : part.end;
    else
      result.push_back(part);
    last_match = part.match;
  }
  if (backwards) std::ranges::reverse(result);
  return result;
}

}  // namespace

std::vector<Part> parts_by_regex(std::string_view text, const Regex& regex) {
  std::vector<Part> parts;
  size_t covered = 0;
  const auto add = [&](const Regex::Match& match) {
    if (covered < match.begin) parts.push_back({covered, match.begin, false});
    parts.push_back({match.begin, match.end, true});
    covered = match.end;
  };
  // An empty match right behind a match does not count.
  for (size_t from = 0; from <= text.size();) {
    const std::optional<Regex::Match> match = regex.find(text, from);
    if (!match) break;
    const bool empty = match->begin == match->end;
    if (!empty || parts.empty() || parts.back().end != match->end || !parts.back().match)
      add(*match);
    from = match->end;
    if (!empty) continue;
    if (from == text.size()) break;
    (void)next_code_point(text, from);
  }
  if (covered < text.size()) parts.push_back({covered, text.size(), false});
  return parts;
}

std::vector<Part> parts_by_code_point(std::string_view text, bool (*matches)(char32_t)) {
  std::vector<Part> parts;
  size_t covered = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    if (!matches(next_code_point(text, at))) continue;
    if (covered < begin) parts.push_back({covered, begin, false});
    parts.push_back({begin, at, true});
    covered = at;
  }
  if (covered < text.size()) parts.push_back({covered, text.size(), false});
  return parts;
}

std::optional<SplitBehavior> parse_split_behavior(std::string_view name) {
  for (const auto& [known, behavior] : behaviors)
    if (known == name) return behavior;
  return {};
}

void split_pieces(Pieces& pieces, SplitBehavior behavior,
                  const std::function<std::vector<Part>(std::string_view)>& parts) {
  std::vector<Piece> list;
  for (const Piece& piece : pieces.list) {
    if (piece.token >= 0) {
      list.push_back(piece);
      continue;
    }
    std::vector<Part> found = parts(pieces.of(piece));
    if (behavior != SplitBehavior::removed && behavior != SplitBehavior::isolated)
      found = joined(std::move(found), behavior);
    for (const Part& part : found)
      if (part.begin < part.end && !(part.match && behavior == SplitBehavior::removed))
        list.push_back({piece.begin + part.begin, piece.begin + part.end, -1,
                        piece.at_start && part.begin == 0});
  }
  pieces.list = std::move(list);
}

void rewrite_pieces(
    Pieces& pieces,
    const std::function<void(const Piece&, std::string_view, std::string& out)>& change) {
  std::string text;
  text.reserve(pieces.text.size() + pieces.text.size() / 4);
  std::vector<Piece> list;
  list.reserve(pieces.list.size());
  for (const Piece& piece : pieces.list) {
    const size_t begin = text.size();
    if (piece.token < 0) change(piece, pieces.of(piece), text);
    if (piece.token >= 0 || text.size() > begin)
      list.push_back({begin, text.size(), piece.token, piece.at_start});
  }
  pieces.text = std::move(text);
  pieces.list = std::move(list);
}

}  // namespace gradus
