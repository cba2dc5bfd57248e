// SPDX-License-Identifier: Apache-2.0
// What `gradus eval` and `gradus train` do where the data of a run are not what they were.
#include <filesystem>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <png.h>

#include "engine/base/philox.h"
#include "tests/data/temporary_folder.h"
#include "tests/support/program.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;
using testing::Outcome;
using testing::run;

double draw(uint32_t i) { return static_cast<double>(philox_word({7, 1}, i)) / 4294967296.0; }

class ChangedData : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) {
    fs::create_directories(fs::path(folder_.file(name)).parent_path());
    return folder_.write(name, {text.begin(), text.end()});
  }

  void train(const std::string& data, const std::string& more) {
    write("r.toml", "steps = 30\nbatch = 8\nlr = 0.02\nvalidate_every = 30\n");
    train_ = "train " + folder_.file("r.toml") + " data.path=" + folder_.file(data) +
             " run=" + run_ + " " + more;
    const Outcome outcome = run(train_);
    ASSERT_EQ(outcome.code, 0) << outcome.output;
  }

  std::string score() {
    const Outcome outcome = run("eval " + run_ + " --json", "2>&1");
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    return outcome.output;
  }

  void expect_refused(const std::string& command, int code, const std::string& part) {
    const Outcome outcome = run(command);
    EXPECT_EQ(outcome.code, code) << outcome.output;
    EXPECT_NE(outcome.output.find(part), std::string::npos) << outcome.output;
  }

  TemporaryFolder folder_;
  std::string run_ = folder_.file("run"), train_;
};

// Rows of three kinds, which x tells; `kinds` says which ones are written and by what names.
std::string rows(uint32_t count, const std::vector<std::string>& kinds, double scale = 1,
                 const std::string& header = "x,colour,kind\n") {
  std::string text = header;
  for (uint32_t i = 0; i < count; ++i) {
    const std::string& kind = kinds[i % 3];
    if (kind.empty()) continue;
    const std::string x = fmt::format("{}", scale * (draw(i) + i % 3));
    const char* colour = i % 2 == 0 ? "red" : "blue";
    text += header.starts_with('x') ? fmt::format("{},{},{}\n", x, colour, kind)
                                    : fmt::format("{},{},{},extra\n", kind, colour, x);
  }
  return text;
}

// Inputs keep the scales, and classes the places, that they had in training.
TEST_F(ChangedData, ARunScoresOtherRowsAsItLearnt) {
  write("d/train.csv", rows(60, {"a", "b", "c"}));
  write("d/test.csv", rows(30, {"", "b", "c"}));
  train("d", "data.format=csv data.target=kind");
  const std::string before = score();
  write("d/train.csv", rows(60, {"", "b", "c"}, 50));  // now class 0 would be b, and x 50 times x
  EXPECT_EQ(score(), before);
  write("d/train.csv", rows(60, {"", "b", ""}));
  EXPECT_EQ(score(), before);
  const std::string other = "kind,colour,x,note\n";
  write("d/train.csv", rows(60, {"a", "b", "c"}, 1, other));
  write("d/test.csv", rows(30, {"", "b", "c"}, 1, other));
  EXPECT_EQ(score(), before);
}

TEST_F(ChangedData, ClassesThatARunDidNotLearnAreListed) {
  write("t.csv", rows(60, {"a", "b", "c"}));
  train("t.csv", "data.format=csv data.test=0.3 data.target=kind");
  write("t.csv", rows(60, {"a", "bee", "sea"}));
  expect_refused("eval " + run_, 4, "did not learn: bee, sea; it learnt a, b, c");
  write("t.csv", rows(60, {"a", "b", "c"}, 1, "x,kolour,kind\n"));
  expect_refused("eval " + run_, 4, "has no column 'colour', which the run learnt from");
  write("t.csv", "x,colour,kind\nwide,red,a\n1,red,b\n2,red,c\n3,red,a\n");
  expect_refused("eval " + run_, 4, "t.csv:2] column 'x', expected a finite number, got 'wide'");
}

TEST_F(ChangedData, NumbersKeepTheirUnit) {
  const auto table = [](double scale) {
    std::string text = "x,y\n";
    for (uint32_t i = 0; i < 40; ++i) text += fmt::format("{},{}\n", draw(i), scale * draw(i) + i);
    return text;
  };
  write("d/train.csv", table(1));
  write("d/test.csv", table(3));
  train("d", "data.format=csv");
  const std::string before = score();
  write("d/train.csv", table(1000));
  EXPECT_EQ(score(), before);
}

// Two groups of four; nodes are features themselves, or have one.
TEST_F(ChangedData, NodesKeepTheirFeaturesInAnyOrder) {
  const std::string edges = "from,to\na,b\na,c\nb,d\nc,d\ne,f\ne,g\nf,h\ng,h\nd,e\n";
  for (const bool plain : {true, false}) {
    const auto node = [&](const std::string& name, const std::string& size, const std::string& kind,
                          const std::string& part) {
      return name + (plain ? "," : "," + size + ",") + kind + "," + part + "\n";
    };
    const std::string head = plain ? "id,kind,part\n" : "id,size,kind,part\n";
    const auto nodes = [&](const std::string& one, const std::string& two) {
      return node("a", "1", one, "train") + node("b", "2", one, "test") +
             node("c", "0", one, "test") + node("d", "2", one, "test") +
             node("e", "7", two, "train") + node("f", "9", two, "test") +
             node("g", "8", two, "test") + node("h", "6", two, "test");
    };
    const auto reversed = [](const std::string& lines) {
      std::string text;
      for (size_t end = lines.size(); end > 0;) {
        const size_t begin = lines.rfind('\n', end - 2) + 1;
        text += lines.substr(begin, end - begin);
        end = begin;
      }
      return text;
    };
    write("g/edges.csv", edges);
    write("g/nodes.csv", head + nodes("u", "v"));
    fs::remove_all(run_);
    train("g", "data.format=graph data.target=kind data.part=part batch=1 model.name=gcn");
    const auto accuracy = [&] {
      const std::string json = score();
      return json.substr(json.find("\"accuracy\""));
    };
    const std::string before = accuracy();
    write("g/nodes.csv", head + reversed(nodes("u", "v")));
    EXPECT_EQ(accuracy(), before) << plain;
    EXPECT_NE(before.find("1.0"), std::string::npos) << before;
    write("g/nodes.csv", head + nodes("v", "u"));  // the wrong way round
    EXPECT_NE(accuracy(), before) << plain;
    write("g/nodes.csv", head + nodes("u", "w"));
    expect_refused("eval " + run_, 4, "did not learn: w; it learnt u, v");
  }
}

std::vector<uint8_t> grey_png(uint8_t shade) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.height = image.width = 4;
  image.format = PNG_FORMAT_GRAY;
  const std::vector<uint8_t> pixels(16, shade);
  png_alloc_size_t size = 1000;
  std::vector<uint8_t> bytes(size);
  EXPECT_TRUE(png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels.data(), 0, nullptr));
  bytes.resize(size);
  return bytes;
}

TEST_F(ChangedData, FoldersOfImagesKeepTheirClasses) {
  const std::vector<std::string> kinds = {"black", "grey", "white"};
  for (size_t k = 0; k < 3; ++k) {
    fs::create_directories(folder_.file("i/" + kinds[k]));
    for (uint32_t i = 0; i < 12; ++i)
      folder_.write(fmt::format("i/{}/{}.png", kinds[k], i),
                    grey_png(static_cast<uint8_t>(20 + 90 * k + i)));
  }
  train(
      "i",
      "data.format=images data.channels=1 data.height=4 data.width=4 data.test=0.5 model.name=mlp "
      "model.hidden=8 steps=60 data.mean=0.5 data.deviation=0.3 data.stratify=true");
  EXPECT_NE(score().find("\"accuracy\":1.0"), std::string::npos);
  fs::remove_all(folder_.file("i/black"));  // grey would be class 0
  EXPECT_NE(score().find("\"accuracy\":1.0"), std::string::npos);
  fs::rename(folder_.file("i/grey"), folder_.file("i/gray"));
  expect_refused("eval " + run_, 4, "holds a class that the run did not learn: gray; it learnt");
}

TEST_F(ChangedData, AnUnfinishedRunDoesNotGoOnWithOtherData) {
  write("t.csv", rows(60, {"a", "b", "c"}));
  train("t.csv", "data.format=csv data.target=kind");
  fs::remove(run_ + "/final.safetensors");
  write("t.csv", rows(60, {"a", "b", "d"}));
  expect_refused(train_, 2, "its classes were a, b, c and are a, b, d");
  write("t.csv", rows(60, {"a", "b", "c"}, 2));
  expect_refused(train_, 2, "have changed since this run was begun: its values give other scales");
  EXPECT_EQ(run(train_ + " --allow-changes").code, 0);
}

TEST_F(ChangedData, ValuesThatF32CannotHoldAreNamedAsACause) {
  write("t.csv", rows(60, {"a", "b", "c"}));
  train("t.csv", "data.format=csv data.target=kind");
  const std::string again = train_ + " run=" + folder_.file("again") + " data.scaling=none ";
  expect_refused(again + "data.class_weights=1,1e38,1", 2, "the largest, expected 1e-9 to 1e9");
  for (const double scale : {1e30, 1e38}) {
    write("t.csv", rows(60, {"a", "b", "c"}, scale));
    fs::remove_all(folder_.file("again"));
    expect_refused(again, 7, "`gradus data verify RECIPE`");
    expect_refused("data verify " + folder_.file("t.csv"), 1, "input 'x': ");
  }
}

TEST_F(ChangedData, APartThatIsThereTwiceIsRefused) {
  write("d/train.csv", rows(12, {"a", "b", "c"}));
  write("d/test.tsv", "x\tcolour\tkind\n1\tred\ta\n2\tred\tb\n");
  train("d", "data.format=csv data.target=kind");
  EXPECT_NE(score().find("\"samples\":2,"), std::string::npos);
  write("d/test.csv", rows(12, {"a", "b", "c"}));
  expect_refused("eval " + run_, 4, "both test.csv and test.tsv");
}

// What a checkpoint has no states for is refused by the key's name, and there is a way to go on.
TEST_F(ChangedData, AnotherUpdateRuleCannotBeCarriedOver) {
  write("t.csv", rows(60, {"a", "b", "c"}));
  train("t.csv", "data.format=csv data.target=kind");
  fs::remove(run_ + "/final.safetensors");
  const std::string checkpoint = run_ + "/checkpoints/step-00000030";
  for (const char* change : {"optimizer.name=sgd", "lookahead.every=5", "average.name=ema",
                             "optimizer.amsgrad=true", "model.hidden=4"}) {
    const std::string key = std::string(change).substr(0, std::string(change).find('='));
    expect_refused(train_ + " lr=0.01 --allow-changes " + change, 2,
                   "cannot be carried over to the run: " + key + " is ");
  }
  EXPECT_EQ(run(train_ + " lr=0.01 --allow-changes").code, 0);
  const Outcome other =
      run(train_ + " optimizer.name=sgd run=" + folder_.file("other") + " init.from=" + checkpoint);
  EXPECT_EQ(other.code, 0) << other.output;
}

}  // namespace
}  // namespace gradus
