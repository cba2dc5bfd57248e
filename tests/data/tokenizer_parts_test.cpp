// SPDX-License-Identifier: Apache-2.0
// The parts that a tokenizer is put together from. Equality with the library `tokenizers` is the
// affair of tokenizer_test.cpp and tests/suites/tokenizers_equal.py.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "data/tokenizer/added_tokens.h"
#include "data/tokenizer/bpe_training.h"
#include "data/tokenizer/byte_alphabet.h"
#include "data/tokenizer/code_points.h"
#include "data/tokenizer/decoder.h"
#include "data/tokenizer/merging.h"
#include "data/tokenizer/normalizer.h"
#include "data/tokenizer/pre_tokenizer.h"
#include "data/tokenizer/regex_syntax.h"
#include "data/tokenizer/unicode.h"
#include "engine/base/error.h"
#include "engine/base/philox.h"

namespace gradus {
namespace {

template <class Make>
std::string refusal(Make&& make) {
  try {
    make();
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(CodePoints, GoThereAndBack) {
  for (const char32_t code :
       {U'\0', U'a', U'\x7F', U'\x80', U'\x7FF', U'\x800', U'\xFFFD', U'\x10000', U'\x10FFFF'}) {
    std::string text;
    append_utf8(text, code);
    size_t at = 0;
    EXPECT_EQ(next_code_point(text, at), code);
    EXPECT_EQ(at, text.size());
    EXPECT_EQ(count_code_points(text), 1);
    EXPECT_EQ(replace_malformed(text), text);
  }
}

// Unicode 15, section 3.9, table 3-8: U+FFFD for maximal subparts.
TEST(CodePoints, MalformedPartsAreReplacedOneByOne) {
  EXPECT_EQ(replace_malformed("\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64"),
            "a\uFFFD\uFFFD\uFFFDb\uFFFDc\uFFFD\uFFFDd");
  EXPECT_EQ(replace_malformed("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(replace_malformed("\xF0\x90"), "\uFFFD");
}

TEST(ByteAlphabet, IsGpt2s) {
  std::string out;
  append_byte_alphabet(" a\n\xC3\xA9", out);
  EXPECT_EQ(out, "\u0120a\u010A\u00C3\u00A9");
  std::set<char32_t> seen;
  for (int byte = 0; byte < 256; ++byte) {
    const char32_t code = code_point_of_byte(static_cast<uint8_t>(byte));
    EXPECT_EQ(byte_of_code_point(code), byte);
    seen.insert(code);
  }
  EXPECT_EQ(seen.size(), 256u);
  EXPECT_FALSE(bytes_of_alphabet("a "));
  EXPECT_EQ(bytes_of_alphabet("\u0120"), " ");
}

TEST(RegexSyntax, IsTranslated) {
  EXPECT_EQ(pcre2_pattern(R"(\s+(?!\S)|[^\s\d]?)", "p"),
            R"(\p{White_Space}+(?!\P{White_Space})|[^\p{White_Space}\p{Nd}]?)");
  EXPECT_EQ(pcre2_pattern(R"((?m:.)\h\u00e9)", "p"), R"((?s:.)[0-9A-Fa-f]\x{00e9})");
  EXPECT_EQ(pcre2_pattern(R"(\p{N}{1,3})", "p"), R"(\p{N}{1,3})");
}

TEST(RegexSyntax, RefusesWhatHasNoCounterpart) {
  for (const char* pattern : {"[a[bc]]", "[a&&b]", "[\\W]", "a(?i)b", "a{2,3}+", "a{,2}", "\\y",
                              "\\", "\\pL", "\\u12", "(?u:a)", "[]a]"})
    EXPECT_NE(refusal([&] { pcre2_pattern(pattern, "p"); }).find("is not known"), std::string::npos)
        << pattern;
}

TEST(Regex, AnEndlessSearchIsAnError) {
  const Regex regex("(a+)+$|(a|aa)+b", Regex::Form::pattern, "p");
  const std::string text(2000, 'a');
  EXPECT_NE(refusal([&] { regex.find(text + "c", 0); }).find("fails on this text"),
            std::string::npos);
  EXPECT_NE(refusal([] { Regex("(a", Regex::Form::pattern, "p"); }).find("the pattern '(a'"),
            std::string::npos);
}

std::vector<std::string> pieces_of(const Json& json, const std::string& text) {
  Pieces pieces{text, {{0, text.size(), -1, true}}};
  make_pre_tokenizer(json, "test")->apply(pieces);
  std::vector<std::string> list;
  for (const Piece& piece : pieces.list) list.emplace_back(pieces.of(piece));
  return list;
}

Json split_by(const char* pattern, const char* behavior, bool invert = false) {
  return {{"type", "Split"},
          {"pattern", {{"Regex", pattern}}},
          {"behavior", behavior},
          {"invert", invert}};
}

using Texts = std::vector<std::string>;

// The table of SplitDelimiterBehavior in the library's documentation: "the-final--countdown".
TEST(PreTokenizer, SplitsAsEachBehaviorSays) {
  const std::string text = "the-final--countdown";
  EXPECT_EQ(pieces_of(split_by("-", "Removed"), text), (Texts{"the", "final", "countdown"}));
  EXPECT_EQ(pieces_of(split_by("-", "Isolated"), text),
            (Texts{"the", "-", "final", "-", "-", "countdown"}));
  EXPECT_EQ(pieces_of(split_by("-", "MergedWithPrevious"), text),
            (Texts{"the-", "final-", "-", "countdown"}));
  EXPECT_EQ(pieces_of(split_by("-", "MergedWithNext"), text),
            (Texts{"the", "-final", "-", "-countdown"}));
  EXPECT_EQ(pieces_of(split_by("-", "Contiguous"), text),
            (Texts{"the", "-", "final", "--", "countdown"}));
  EXPECT_EQ(pieces_of(split_by("[a-z]+", "Removed", true), text),
            (Texts{"the", "final", "countdown"}));
}

TEST(PreTokenizer, CutsWordsAsGpt2Does) {
  const Json level = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}};
  EXPECT_EQ(
      pieces_of(level, "I'll go  on 12 !?\n"),
      (Texts{"I", "'ll", "\u0120go", "\u0120", "\u0120on", "\u012012", "\u0120!?", "\u010A"}));
}

TEST(PreTokenizer, MetaspaceMarksTheFirstWordAsItsSchemeSays) {
  const auto with = [](const char* scheme) {
    return Json{{"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", scheme}};
  };
  EXPECT_EQ(pieces_of(with("first"), "a b"), (Texts{"\u2581a", "\u2581b"}));
  EXPECT_EQ(pieces_of(with("never"), "a b"), (Texts{"a", "\u2581b"}));
  EXPECT_EQ(pieces_of(with("always"), " b"), (Texts{"\u2581b"}));
}

TEST(PreTokenizer, NamesWhatIsNotKnown) {
  EXPECT_NE(refusal([] {
              make_pre_tokenizer({{"type", "Telepathy"}}, "t.json");
            }).find("[t.json] the pre-tokenizer 'Telepathy' is not known"),
            std::string::npos);
  EXPECT_NE(refusal([] {
              make_pre_tokenizer({{"type", "Whitespace"}, {"extra", 1}}, "t.json");
            }).find("the member 'extra' is not known"),
            std::string::npos);
}

std::string normalized(const Json& json, const std::string& text) {
  return make_normalizer(json, "test")->apply(text);
}

TEST(Normalizer, KnowsTheFormsOfUnicode) {
  EXPECT_EQ(normalized({{"type", "NFC"}}, "e\u0301"), "\u00E9");
  EXPECT_EQ(normalized({{"type", "NFD"}}, "\u00E9\uAC00"), "e\u0301\u1100\u1161");
  EXPECT_EQ(normalized({{"type", "NFKC"}}, "\uFB01\uFF11"), "fi1");
  EXPECT_EQ(normalized({{"type", "NFKD"}}, "\u00BD"), "1\u20442");
  EXPECT_EQ(normalized({{"type", "Lowercase"}}, "\u0130\u03A3\u00C9"), "i\u0307\u03C3\u00E9");
  EXPECT_EQ(
      normalized({{"type", "Strip"}, {"strip_left", true}, {"strip_right", true}}, " \u3000a b\n"),
      "a b");
  EXPECT_EQ(normalized({{"type", "Strip"}, {"strip_left", true}, {"strip_right", true}}, " \n "),
            "");
  EXPECT_EQ(normalized({{"type", "Prepend"}, {"prepend", "_"}}, ""), "");
}

TEST(Normalizer, CleansAsBertDoes) {
  const Json bert = {{"type", "BertNormalizer"},
                     {"clean_text", true},
                     {"handle_chinese_chars", true},
                     {"strip_accents", nullptr},
                     {"lowercase", true}};
  EXPECT_EQ(normalized(bert, std::string("\u00C9a\t\0b\u200B\u4E00", 12)), "ea b \u4E00 ");
}

TEST(Normalizer, NestedTooDeepIsAnError) {
  Json json = {{"type", "NFC"}};
  for (int i = 0; i < 12; ++i) json = {{"type", "Sequence"}, {"normalizers", Json::array({json})}};
  EXPECT_NE(refusal([&] { make_normalizer(json, "t"); }).find("too deep"), std::string::npos);
}

// Merging with a heap gives what the definition gives: again and again the leftmost pair of the
// lowest rank.
TEST(Merging, LongAndShortWordsFollowTheDefinition) {
  PairTable table(40);
  for (int32_t rank = 0; rank < 40; ++rank) {
    const auto draw = [&](uint64_t i) {
      return static_cast<int32_t>(philox_word({7, static_cast<uint32_t>(rank)}, i) %
                                  static_cast<uint32_t>(4 + rank));
    };
    table.set(draw(0), draw(1), {rank, 4 + rank});
  }
  for (uint64_t size = 0; size < 120; ++size) {
    std::vector<int32_t> ids;
    for (uint64_t i = 0; i < size; ++i)
      ids.push_back(static_cast<int32_t>(philox_word({9, static_cast<uint32_t>(size)}, i) % 4));
    std::vector<int32_t> expected = ids;
    for (;;) {
      size_t best = expected.size();
      PairTable::Merge merge{-1, -1};
      for (size_t i = 0; i + 1 < expected.size(); ++i) {
        const PairTable::Merge found = table.find(expected[i], expected[i + 1]);
        if (found.rank >= 0 && (merge.rank < 0 || found.rank < merge.rank)) {
          merge = found;
          best = i;
        }
      }
      if (best == expected.size()) break;
      expected[best] = merge.token;
      expected.erase(expected.begin() + static_cast<int64_t>(best) + 1);
    }
    merge_pairs(table, ids, 0);
    EXPECT_EQ(ids, expected) << size;
  }
}

TEST(BpeTraining, TakesTheMostFrequentPairAndOfEqualOnesTheSmallerIds) {
  TextMap<int64_t> words;
  words["abab"] = 3;  // ab 6, ba 3
  words["cd"] = 6;    // cd 6
  const TrainedBpe trained = train_bpe(words, {.vocabulary = 7, .special = {"<e>"}});
  const Vocabulary::Entries expected = {{"<e>", 0}, {"a", 1},  {"b", 2}, {"c", 3},
                                        {"d", 4},   {"ab", 5}, {"cd", 6}};
  EXPECT_EQ(trained.vocabulary, expected);
  EXPECT_EQ(trained.merges, (Merges{{"a", "b"}, {"c", "d"}}));
  EXPECT_EQ(train_bpe(words, {.vocabulary = 99, .least_count = 4}).merges.size(), 2u);
  EXPECT_NE(refusal([&] { train_bpe(words, {.vocabulary = 3}); }).find("room for 4"),
            std::string::npos);
}

Pieces cut(const Json& token, const std::string& text) {
  Json full = {{"id", 9},         {"single_word", false}, {"lstrip", false},
               {"rstrip", false}, {"normalized", false},  {"special", true}};
  full.update(token);
  Pieces pieces{text, {{0, text.size(), -1, true}}};
  AddedTokens(Json::array({full}), "test", nullptr).cut(pieces, false);
  return pieces;
}

TEST(AddedTokens, TakeSpaceAndRespectWordsAsTheySay) {
  Pieces pieces = cut({{"content", "<m>"}, {"lstrip", true}}, "a \t<m> b");
  ASSERT_EQ(pieces.list.size(), 3u);
  EXPECT_EQ(pieces.of(pieces.list[0]), "a");
  EXPECT_EQ(pieces.list[1].token, 9);
  EXPECT_EQ(pieces.of(pieces.list[2]), " b");
  pieces = cut({{"content", "<m>"}, {"rstrip", true}}, "<m>  b");
  EXPECT_EQ(pieces.of(pieces.list[1]), "b");
  EXPECT_EQ(cut({{"content", "ab"}, {"single_word", true}}, "abc xab").list.size(), 1u);
  EXPECT_EQ(cut({{"content", "ab"}, {"single_word", true}}, "abc ab").list.size(), 2u);
}

std::string decoded(const Json& json, const Texts& tokens) {
  std::string text;
  for (const std::string& token : make_decoder(json, "test")->apply(tokens)) text += token;
  return text;
}

TEST(Decoder, JoinsAsItsTypeSays) {
  EXPECT_EQ(decoded({{"type", "ByteLevel"}}, {"\u0120a", "\u00C3", "\u00A9", "\u00C3"}),
            " a\u00E9\uFFFD");
  EXPECT_EQ(decoded({{"type", "ByteFallback"}}, {"a", "<0xC3>", "<0xA9>", "b", "<0xC3>", "<0x41>"}),
            "a\u00E9b\uFFFD\uFFFD");
  EXPECT_EQ(decoded({{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}},
                    {"do", "##n", "'", "t", "go", "."}),
            "don ' t go.");
  EXPECT_EQ(decoded({{"type", "BPEDecoder"}, {"suffix", "</w>"}}, {"a</w>", "b", "c</w>"}), "a bc");
  EXPECT_EQ(decoded({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}, {"  a "}),
            " a ");
  EXPECT_EQ(decoded({{"type", "Metaspace"}, {"replacement", "_"}}, {"_a", "_b"}), "a b");
}

}  // namespace
}  // namespace gradus
