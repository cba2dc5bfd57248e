// SPDX-License-Identifier: Apache-2.0
// `gradus data tokenize|shard|tokenizer`, and a language model trained and asked through them.
#include <fstream>
#include <iterator>

#include <nlohmann/json.hpp>

#include "tests/data/temporary_folder.h"
#include "tests/support/program.h"

namespace gradus {
namespace {

using testing::Outcome;
using testing::run;
using Json = nlohmann::json;

class TextCommandTest : public ::testing::Test {
 protected:
  TextCommandTest() {
    std::string text;
    for (int i = 0; i < 60; ++i)
      text += "And the earth was without form, and void; \u00E9 and darkness was upon the deep.\n";
    write("train.txt", text);
    val_ = text.substr(0, 8 * (text.find('\n') + 1));
    write("val.txt", val_);
    tokenizer_ = folder_.file("t.json");
  }

  std::string write(const std::string& name, const std::string& text) {
    return folder_.write(name, {text.begin(), text.end()});
  }
  static std::string contents(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  Json json_of(const std::string& arguments) {
    const Outcome outcome = run("data " + arguments + " --json", "2>/dev/null");
    EXPECT_EQ(outcome.code, 0) << arguments;
    EXPECT_EQ(outcome.output.find('\n'), outcome.output.size() - 1);  // one line
    return Json::parse(outcome.output, nullptr, false);
  }
  void train_tokenizer() {
    const Json json =
        json_of("tokenizer train " + folder_.path() + " --vocabulary 290 --output " + tokenizer_);
    EXPECT_EQ(json["vocabulary"], 290);
  }
  std::string write_recipe(const std::string& tokenizer) {
    return write("recipe.toml",
                 "steps = 2\nbatch = 2\n[model]\nname = \"gpt\"\nlayers = 1\nheads = 2\nwidth = 8\n"
                 "[data]\nformat = \"text\"\npath = \"" +
                     folder_.path() + "\"\ntokenizer = \"" + tokenizer + "\"\nlength = 8\n");
  }
  // A run that evaluates and generates.
  static void expect_complete(const std::string& to);
  void refused(const std::string& arguments, int code, const char* part) {
    const Outcome outcome = run("data " + arguments);
    EXPECT_EQ(outcome.code, code) << outcome.output;
    EXPECT_NE(outcome.output.find(part), std::string::npos) << outcome.output;
  }

  TemporaryFolder folder_;
  std::string tokenizer_, val_;
};

TEST_F(TextCommandTest, EncodesAndDecodes) {
  train_tokenizer();
  const Json json = json_of("tokenizer encode " + tokenizer_ + " 'the \u00E9arth'");
  EXPECT_EQ(json.size(), 1u);
  EXPECT_EQ(json[0]["text"], "the \u00E9arth");
  std::string ids;
  for (const Json& id : json[0]["ids"]) ids += " " + id.dump();
  EXPECT_EQ(json_of("tokenizer decode " + tokenizer_ + ids)["text"], "the \u00E9arth");
  EXPECT_EQ(json_of("tokenizer decode bytes 65 66")["text"], "AB");
  refused("tokenizer decode bytes 256", 2, "expected ids of 0 to 255");
  refused("tokenizer encode bytes", 2, "expected texts, or --input");
}

TEST_F(TextCommandTest, AFolderBecomesShardsOfItsParts) {
  train_tokenizer();
  const std::string out = folder_.file("out");
  const Json json = json_of("tokenize " + folder_.path() + " --tokenizer " + tokenizer_ +
                            " --output " + out + " --end '<|endoftext|>' --shard 400");
  EXPECT_EQ(json["train"]["documents"], 1);
  EXPECT_GT(json["train"]["shards"], 1);
  EXPECT_EQ(json["val"]["bytes"], val_.size());
  EXPECT_EQ(contents(out + "/tokenizer.json"), contents(tokenizer_));
  const Json inspected = json_of("inspect " + out + " data.length=8");
  EXPECT_EQ(inspected["format"], "tokens");
  EXPECT_EQ(inspected["classes"], 290);
  refused("tokenize " + folder_.path() + " --output " + out, 2, "belongs to the same part");
  const std::string again = folder_.file("again");
  EXPECT_EQ(json_of("shard " + out + "/val_000000.bin --part val --tokens 10 --output " +
                    again)["tokens"],
            json["val"]["tokens"]);
}

TEST_F(TextCommandTest, DividesDocumentsAndLines) {
  std::string lines;
  for (int i = 0; i < 10; ++i) lines += "{\"body\": \"text " + std::to_string(i) + "\"}\r\n";
  const std::string path = write("a.jsonl", lines);
  Json json =
      json_of("tokenize " + path + " --field body --validation 0.2 --output " + folder_.file("o1"));
  EXPECT_EQ(json["train"]["documents"], 8);
  EXPECT_EQ(json["val"]["characters"], 12);
  const std::string text = write("b.txt", "\xEF\xBB\xBFone\ntwo\nthree\nfour\n");
  json = json_of("tokenize " + text + " --validation 0.3 --output " + folder_.file("o2"));
  EXPECT_EQ(json["train"]["bytes"], 14);  // without the mark, up to a line break
  EXPECT_EQ(json["val"]["bytes"], 5);
}

TEST_F(TextCommandTest, BadInputIsNamed) {
  const std::string out = " --output " + folder_.file("out");
  refused("tokenize " + folder_.file("none.txt") + out, 3, "no such file");
  refused("tokenize " + write("a.pdf", "x") + out, 4, "expected a .txt or .jsonl file");
  refused("tokenize " + write("empty.txt", "") + out, 4, "there is no text");
  refused("tokenize " + write("a.txt", "x") + out + "2 --end '<x>'", 2, "no token '<x>'");
  refused("tokenize " + write("a.txt", "x") + out + "2 --shard 0", 2, "shard");
  refused("tokenize " + write("a.txt", "x") + out + "2 --validation 1", 2, "--validation");
  refused("tokenize " + write("a.txt", "x") + " --tokenizer " + write("t.json", "{\"model\": 1}") +
              out + "2",
          4, "expected an object");
  refused("tokenizer train " + write("b.txt", "\xFF") + out + "3", 4, "b.txt");
  refused("tokenizer train " + write("b.txt", "abc") + " --vocabulary 100" + out + "3", 2,
          "room for");
  refused("tokenizer train " + write("b.txt", "abc") + " --kind bp" + out + "3", 2, "--kind");
  train_tokenizer();
  refused("tokenize " + write("b.txt", "\xFF") + " --tokenizer " + tokenizer_ + out + "4", 4,
          "b.txt] [tokenizer] the text is not UTF-8");
}

// The run is complete: it evaluates and generates without the file that it was trained with.
TEST_F(TextCommandTest, ARunKeepsItsTokenizer) {
  train_tokenizer();
  const std::string to = folder_.file("run"), recipe = write_recipe(tokenizer_);
  const Outcome outcome = run("train " + recipe + " run=" + to);
  ASSERT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_NE(outcome.output.find("bits_per_character"), std::string::npos) << outcome.output;
  std::filesystem::remove(tokenizer_);
  expect_complete(to);
}

// Learned from train.txt alone, the same each time; what the other part holds does not matter.
TEST_F(TextCommandTest, ARunLearnsItsTokenizer) {
  train_tokenizer();
  const std::string to = folder_.file("run"), recipe = write_recipe("bpe:290");
  write("val.txt", val_ + "zqzqzqzqzqzqzqzqzqzqzqzq");
  const Outcome outcome = run("train " + recipe + " run=" + to);
  ASSERT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_EQ(contents(to + "/tokenizer.json"), contents(tokenizer_));
  EXPECT_EQ(run("train " + recipe + " run=" + to).code, 0);  // finished already
  for (const char* name : {"bpe", "bpe:", "bpe:many", "wordpiece:1.5", "bpe:12"}) {
    const Outcome refusal = run("train " + write_recipe(name) + " run=" + folder_.file("new"));
    EXPECT_NE(refusal.code, 0) << name;
    EXPECT_NE(refusal.output.find("tokenizer]"), std::string::npos) << refusal.output;
  }
  std::filesystem::remove(folder_.file("train.txt"));
  expect_complete(to);
}

// Batches of two forms: the signals are those of the first batch.
TEST_F(TextCommandTest, ModelsShowFirstSignalsOfWholeEpochs) {
  const std::string show = "model show " + write_recipe("bytes") + " --init batch=7";
  const Outcome outcome = run(show + " data.drop_last=false");
  ASSERT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_NE(outcome.output.find("h.0"), std::string::npos) << outcome.output;
}

void TextCommandTest::expect_complete(const std::string& to) {
  Outcome outcome = run("eval " + to + " --json", "2>/dev/null");
  ASSERT_EQ(outcome.code, 0);
  const Json score = Json::parse(outcome.output);
  EXPECT_GT(score["bits_per_character"].get<double>(), 0);
  EXPECT_LT(score["bits_per_character"].get<double>(), score["loss"].get<double>() / 0.6931);
  outcome = run("generate " + to + " --prompt 'And the' --tokens 5 --json", "2>/dev/null");
  ASSERT_EQ(outcome.code, 0);
  EXPECT_TRUE(Json::parse(outcome.output)["text"].is_string());
}

}  // namespace
}  // namespace gradus
