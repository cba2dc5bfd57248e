// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer/pre_tokenizer.h"

#include <functional>
#include <map>
#include <vector>

#include <nlohmann/json.hpp>

#include "data/tokenizer/byte_alphabet.h"
#include "data/tokenizer/metaspace.h"
#include "data/tokenizer/normalizer.h"
#include "data/tokenizer/regex_pattern.h"
#include "data/tokenizer/unicode.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

using Made = std::unique_ptr<PreTokenizer>;

// Radford et al. 2019: contractions, then words, numbers and the rest with a space before them.
constexpr std::string_view gpt2_pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

class SplitByRegex : public PreTokenizer {
 public:
  SplitByRegex(Regex regex, SplitBehavior behavior, bool inverted)
      : regex_(std::move(regex)), behavior_(behavior), inverted_(inverted) {}

  void apply(Pieces& pieces) const override {
    split_pieces(pieces, behavior_, [this](std::string_view text) {
      std::vector<Part> parts = parts_by_regex(text, regex_);
      if (inverted_)
        for (Part& part : parts) part.match = !part.match;
      return parts;
    });
  }

 private:
  Regex regex_;
  SplitBehavior behavior_;
  bool inverted_;
};

class SplitByCodePoint : public PreTokenizer {
 public:
  SplitByCodePoint(bool (*matches)(char32_t), SplitBehavior behavior)
      : matches_(matches), behavior_(behavior) {}

  void apply(Pieces& pieces) const override {
    split_pieces(pieces, behavior_,
                 [this](std::string_view text) { return parts_by_code_point(text, matches_); });
  }

 private:
  bool (*matches_)(char32_t);
  SplitBehavior behavior_;
};

class Sequence : public PreTokenizer {
 public:
  explicit Sequence(std::vector<Made> parts) : parts_(std::move(parts)) {}
  void apply(Pieces& pieces) const override {
    for (const Made& part : parts_) part->apply(pieces);
  }

 private:
  std::vector<Made> parts_;
};

class ByteLevel : public PreTokenizer {
 public:
  ByteLevel(bool prefix_space, bool splits)
      : prefix_space_(prefix_space),
        words_(Regex(gpt2_pattern, Regex::Form::pattern, "ByteLevel"), SplitBehavior::isolated,
               false),
        splits_(splits) {}

  void apply(Pieces& pieces) const override {
    if (prefix_space_)
      rewrite_pieces(pieces, [](const Piece&, std::string_view text, std::string& out) {
        if (!text.starts_with(' ')) out += ' ';
        out += text;
      });
    if (splits_) words_.apply(pieces);
    rewrite_pieces(pieces, [](const Piece&, std::string_view text, std::string& out) {
      append_byte_alphabet(text, out);
    });
  }

 private:
  bool prefix_space_;
  SplitByRegex words_;
  bool splits_;
};

SplitBehavior behavior_of(JsonFields& fields) {
  const std::string name = fields.text_or("behavior", "Isolated");
  const std::optional<SplitBehavior> behavior = parse_split_behavior(name);
  if (!behavior)
    failf(ErrorKind::unsupported, fields.where(), "the behavior '{}' is not known", name);
  return *behavior;
}

Made make_byte_level(JsonFields& fields) {
  fields.flag_or("trim_offsets", true);  // of offsets alone, which nobody asks for here
  const bool prefix_space = fields.flag("add_prefix_space");
  return std::make_unique<ByteLevel>(prefix_space, fields.flag_or("use_regex", true));
}

Made make_split(JsonFields& fields) {
  Regex regex = regex_of(fields.need("pattern"), fields.where());
  (void)fields.text("behavior");
  const SplitBehavior behavior = behavior_of(fields);
  return std::make_unique<SplitByRegex>(std::move(regex), behavior, fields.flag("invert"));
}

Made make_whitespace(JsonFields& fields) {
  // Unicode Technical Standard 18, annex C.
  constexpr std::string_view word = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control})";
  return std::make_unique<SplitByRegex>(
      Regex(fmt::format("[{0}]+|[^{0}\\s]+", word), Regex::Form::pattern, fields.where()),
      SplitBehavior::removed, true);
}

Made by_code_point(bool (*matches)(char32_t), SplitBehavior behavior) {
  return std::make_unique<SplitByCodePoint>(matches, behavior);
}

Made make_bert(JsonFields&) {
  std::vector<Made> parts;
  parts.push_back(by_code_point(is_white_space, SplitBehavior::removed));
  parts.push_back(by_code_point(is_punctuation, SplitBehavior::isolated));
  return std::make_unique<Sequence>(std::move(parts));
}

Made make_digits(JsonFields& fields) {
  return by_code_point(is_numeric, fields.flag("individual_digits") ? SplitBehavior::isolated
                                                                    : SplitBehavior::contiguous);
}

Made make_delimiter(JsonFields& fields) {
  (void)fields.letter("delimiter");
  Regex regex(fields.text("delimiter"), Regex::Form::literal, fields.where());
  return std::make_unique<SplitByRegex>(std::move(regex), SplitBehavior::removed, false);
}

class MetaspaceSplit : public PreTokenizer {
 public:
  explicit MetaspaceSplit(const Metaspace& options)
      : options_(options), mark_(options.mark, Regex::Form::literal, "Metaspace") {}

  void apply(Pieces& pieces) const override {
    rewrite_pieces(pieces, [this](const Piece& piece, std::string_view text, std::string& out) {
      append_metaspace(text, options_, piece.at_start, out);
    });
    if (options_.splits)
      split_pieces(pieces, SplitBehavior::merged_with_next,
                   [this](std::string_view text) { return parts_by_regex(text, mark_); });
  }

 private:
  Metaspace options_;
  Regex mark_;
};

Made make_metaspace(JsonFields& fields) {
  return std::make_unique<MetaspaceSplit>(metaspace_of(fields));
}

const std::map<std::string_view, Made (*)(JsonFields&), std::less<>>& makers() {
  static const std::map<std::string_view, Made (*)(JsonFields&), std::less<>> table = {
      {"ByteLevel", make_byte_level},
      {"Split", make_split},
      {"Whitespace", make_whitespace},
      {"WhitespaceSplit",
       [](JsonFields&) { return by_code_point(is_white_space, SplitBehavior::removed); }},
      {"BertPreTokenizer", make_bert},
      {"Digits", make_digits},
      {"Punctuation",
       [](JsonFields& fields) { return by_code_point(is_punctuation, behavior_of(fields)); }},
      {"Metaspace", make_metaspace},
      {"CharDelimiterSplit", make_delimiter}};
  return table;
}

Made make_sequence(JsonFields& fields, int depth) {
  std::vector<Made> parts;
  for (const Json& part : fields.list("pretokenizers"))
    parts.push_back(make_pre_tokenizer(part, fields.where(), depth + 1));
  return std::make_unique<Sequence>(std::move(parts));
}

}  // namespace

std::unique_ptr<PreTokenizer> make_pre_tokenizer(const Json& json, const std::string& where,
                                                 int depth) {
  JsonFields fields(json, where);
  const std::string& type = fields.text("type");
  if (depth > deepest_sequence)
    fail(ErrorKind::bad_data, where, "sequences in sequences, too deep");
  Made made;
  if (type == "Sequence") {
    made = make_sequence(fields, depth);
  } else {
    const auto maker = makers().find(type);
    if (maker == makers().end())
      failf(ErrorKind::unsupported, where, "the pre-tokenizer '{}' is not known", type);
    made = maker->second(fields);
  }
  fields.finish();
  return made;
}

}  // namespace gradus
