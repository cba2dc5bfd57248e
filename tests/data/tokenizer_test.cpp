// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer/tokenizer.h"

#include <fstream>
#include <iterator>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "data/tokenizer/tokenizer_training.h"
#include "data/tokenizer_file.h"
#include "engine/base/error.h"
#include "engine/base/philox.h"
#include "tests/support/program.h"

namespace gradus {
namespace {

const char* const stored[] = {"byte_level", "roberta",   "cl100k",     "bert",
                              "llama",      "metaspace", "many_parts", "word_level"};

std::string path_of(const std::string& name) {
  return testing::source_path("tests/data/tokenizers/" + std::string(name));
}

std::string contents(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

template <class Make>
std::string refusal(Make&& make) {
  try {
    make();
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

// Files and answers of the library `tokenizers`, by tests/suites/tokenizers_equal.py --store.
TEST(Tokenizer, EncodesAndDecodesAsTheLibraryDoes) {
  for (const char* name : stored) {
    const auto tokenizer = read_tokenizer(path_of(std::string(name) + ".json"));
    std::ifstream cases(path_of(std::string(name) + ".cases.jsonl"));
    int count = 0;
    for (std::string line; std::getline(cases, line); ++count) {
      const nlohmann::json expected = nlohmann::json::parse(line);
      const std::vector<int32_t> ids = tokenizer->encode(expected["text"].get<std::string>(), true);
      EXPECT_EQ(ids, expected["ids"].get<std::vector<int32_t>>()) << name << ": " << line;
      EXPECT_EQ(tokenizer->decode(ids), expected["decoded"].get<std::string>()) << line;
    }
    EXPECT_EQ(count, 150) << name;
  }
}

TEST(Tokenizer, WritesTheFileThatItHasRead) {
  for (const char* name : stored) {
    const std::string file = contents(path_of(std::string(name) + ".json"));
    EXPECT_EQ(Tokenizer::parse(file, name)->to_json(), file) << name;
  }
}

TEST(Tokenizer, BytesTakeAnything) {
  const auto bytes = Tokenizer::bytes();
  const std::string text = std::string("a\0\xFF\xC3", 4);
  EXPECT_EQ(bytes->encode(text), (std::vector<int32_t>{'a', 0, 255, 195}));
  EXPECT_EQ(bytes->decode(bytes->encode(text)), text);
  EXPECT_EQ(bytes->vocabulary(), 256);
  // The same as a file.
  const auto file = Tokenizer::parse(bytes->to_json(), "bytes");
  EXPECT_EQ(file->encode("\u00E9 b"), bytes->encode("\u00E9 b"));
  EXPECT_EQ(file->decode(file->encode("\u00E9 b")), "\u00E9 b");
  EXPECT_NE(refusal([&] { file->encode(text); }).find("not UTF-8"), std::string::npos);
}

std::shared_ptr<const Tokenizer> trained(TokenizerKind kind, int64_t vocabulary) {
  TokenizerTrainer trainer({.kind = kind, .vocabulary = vocabulary, .least_count = 1});
  trainer.add("In the beginning God created the heaven and the earth.\nAnd the earth was\n");
  trainer.add("without form, and void; and darkness was upon the face of the deep.\n");
  return trainer.finish();
}

TEST(Tokenizer, TrainedBpeGivesAnyTextBack) {
  const auto tokenizer = trained(TokenizerKind::bpe, 300);
  EXPECT_EQ(tokenizer->vocabulary(), 300);
  EXPECT_LT(tokenizer->encode("the earth").size(), 5u);
  EXPECT_EQ(tokenizer->find("<|endoftext|>"), 0);
  for (uint32_t seed = 0; seed < 50; ++seed) {
    std::string text;
    for (uint64_t i = 0; i < 40; ++i) {
      const char* parts[] = {"the", " ", "\n", "\u00E9", "\u4E00", "x", "'s", "7", "\U0001F600"};
      text += parts[philox_word({3, seed}, i) % std::size(parts)];
    }
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
  }
}

TEST(Tokenizer, TrainedWordPieceKnowsItsWords) {
  const auto tokenizer = trained(TokenizerKind::wordpiece, 120);
  const std::vector<int32_t> ids = tokenizer->encode("The Earth \u4E00", true);
  EXPECT_EQ(ids.front(), *tokenizer->find("[CLS]"));
  EXPECT_EQ(ids.back(), *tokenizer->find("[SEP]"));
  EXPECT_EQ(ids[ids.size() - 2], *tokenizer->find("[UNK]"));
  EXPECT_EQ(tokenizer->decode(ids), "the earth");
  EXPECT_TRUE(refusal([] {
                TokenizerTrainer({.kind = TokenizerKind::wordpiece, .special = {"[UNK]"}});
              }).find("needs the special token [CLS]") != std::string::npos);
}

TEST(Tokenizer, TrainingDependsOnTheWordsAlone) {
  TokenizerTrainer one({.vocabulary = 280}), other({.vocabulary = 280});
  one.add("b a b a c\n");
  one.add("c c a\n");
  other.add("c c a\n");
  other.add("b a b a c\n");
  EXPECT_EQ(one.finish()->to_json(), other.finish()->to_json());
  EXPECT_NE(refusal([] { TokenizerTrainer({}).finish(); }).find("no word"), std::string::npos);
}

TEST(TextStream, ShowsWhatIsWhole) {
  const auto tokenizer = trained(TokenizerKind::bpe, 270);
  TextStream stream(tokenizer);
  std::string text;
  int parts = 0;
  for (const int32_t id : tokenizer->encode("\U0001F600 the \u00E9")) {
    const std::string more = stream.add(id);
    EXPECT_EQ(more.find("\uFFFD"), std::string::npos);
    parts += !more.empty();
    text += more;
  }
  text += stream.finish();
  EXPECT_EQ(text, "\U0001F600 the \u00E9");
  EXPECT_GT(parts, 3);
}

TEST(TextStream, CutCharactersAreShownAtTheEnd) {
  const auto tokenizer = trained(TokenizerKind::bpe, 258);
  std::vector<int32_t> ids = tokenizer->encode("a\u4E00");
  ids.pop_back();
  TextStream stream(tokenizer);
  std::string text;
  for (const int32_t id : ids) text += stream.add(id);
  EXPECT_EQ(text, "a");
  EXPECT_EQ(stream.finish(), "\uFFFD");
}

TEST(TokenizerFile, DamageIsNamed) {
  const std::string whole = contents(path_of("llama.json"));
  const auto with = [&](const std::string& what, const std::string& by) {
    std::string changed = whole;
    const size_t at = changed.find(what);
    EXPECT_NE(at, changed.npos) << what;
    if (at != changed.npos) changed.replace(at, what.size(), by);
    return refusal([&] { Tokenizer::parse(changed, "t.json"); });
  };
  const auto has = [](const std::string& message, const char* part) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  has(refusal([&] { Tokenizer::parse(whole.substr(0, whole.size() / 2), "t.json"); }), "not JSON");
  has(refusal([] { Tokenizer::parse("", "t.json"); }), "[t.json] not JSON");
  has(refusal([] { Tokenizer::parse("[]", "t.json"); }), "expected an object");
  has(refusal([] { Tokenizer::parse("{}", "t.json"); }), "'model' is missing");
  has(refusal([] { Tokenizer::parse("\xFF", "t.json"); }), "not UTF-8");
  has(with("\"1.0\"", "\"2.0\""), "version '2.0', expected 1.0");
  has(with("\"type\": \"BPE\"", "\"type\": \"Unigram\""), "the model 'Unigram' is not known");
  has(with("\"dropout\": null", "\"dropout\": 0.5"), "dropout of merges is not known");
  has(with("\"dropout\": null", "\"drop\": null"), "the member 'drop' is not known");
  has(with("\"fuse_unk\": true", "\"fuse_unk\": 1"), "'fuse_unk', expected true or false");
  has(with("\"type\": \"Replace\"", "\"type\": \"Precompiled\""), "'Precompiled' is not known");
  has(with("\"<s>\": 1,", "\"<s>\": 2,"), "have the same id 2");
  has(with("\"<s>\": 1,", "\"<s>\": -1,"), "id of '<s>', expected 0 to");
  has(with("\"<s>\": 1,", "\"<s>\": 1.5,"), "expected a whole number");
}

}  // namespace
}  // namespace gradus
