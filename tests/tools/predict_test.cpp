// SPDX-License-Identifier: Apache-2.0
// `gradus predict` where some of what it is given cannot be answered: that is named by its place,
// and the rest is answered in order.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>

#include <gtest/gtest.h>

#include "tests/data/temporary_folder.h"
#include "tests/support/program.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;
using testing::Outcome;
using testing::run;

class PredictTest : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) {
    return folder_.write(name, {text.begin(), text.end()});
  }

  void train(const std::string& settings) {
    write("r.toml", "steps = 4\nbatch = 4\nlr = 0.01\n");
    const Outcome outcome =
        run("train " + folder_.file("r.toml") + " run=" + run_ + " " + settings);
    ASSERT_EQ(outcome.code, 0) << outcome.output;
  }

  void train_on_table() {
    write("t.csv", "x,y,kind\n1,2,a\n2,1,b\n3,4,a\n4,3,b\n5,6,a\n6,5,b\n7,8,a\n8,7,b\n");
    train("model.name=mlp data.format=csv data.path=" + folder_.file("t.csv"));
  }

  Outcome predict(const std::string& inputs, const std::string& streams = "2>/dev/null") {
    return run("predict " + run_ + " " + inputs, streams);
  }
  std::string complaints(const std::string& inputs) {
    return predict(inputs, "2>&1 >/dev/null").output;
  }

  static std::string read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // Where each of the parts stands; they must rise.
  static void expect_in_order(const std::string& text, const std::vector<std::string>& parts) {
    size_t at = 0;
    for (const std::string& part : parts) {
      const size_t found = text.find(part, at);
      ASSERT_NE(found, std::string::npos) << part << " in " << text;
      at = found + part.size();
    }
  }

  TemporaryFolder folder_;
  std::string run_ = folder_.file("run");
};

TEST_F(PredictTest, EachBadRowIsNamedAndTheOthersAreAnswered) {
  train_on_table();
  const std::string rows = write("p.csv", "x,y\n1,2\n3\nwide,1\n1e300,1\n,2\n5,6\n1,2,3\n7,8\n");
  const Outcome text = predict(rows);
  EXPECT_EQ(text.code, 1);
  EXPECT_EQ(std::ranges::count(text.output, '\n'), 3) << text.output;
  expect_in_order(text.output, {"p.csv:2: ", "p.csv:7: ", "p.csv:9: "});
  expect_in_order(complaints(rows),
                  {"p.csv:3] expected 2 cells", "p.csv:4] column 'x', expected a finite number",
                   "p.csv:5] column 'x', 1e300 is too large", "p.csv:6] column 'x' is missing",
                   "p.csv:8] expected 2 cells"});
  const std::string json = predict(rows + " --json").output;
  EXPECT_EQ(std::ranges::count(json, '\n'), 1);
  expect_in_order(json, {"\"line\":2,\"class\"", "\"line\":3,\"error\"", "\"line\":4,\"error\"",
                         "\"line\":7,\"class\"", "\"line\":8,\"error\"", "\"line\":9,\"class\""});
  EXPECT_EQ(predict(rows + " --output " + folder_.file("o.csv")).code, 1);
  EXPECT_EQ(std::ranges::count(read(folder_.file("o.csv")), '\n'), 9);
}

TEST_F(PredictTest, AFileThatIsNotThereIsNamedAndTheOthersAreAnswered) {
  train_on_table();
  const std::string one = write("one.csv", "x,y\n1,2\n"), two = write("two.csv", "x,y\n3,4\n");
  const std::string none = folder_.file("none.csv");
  const std::string inputs = one + " " + none + " " + two;
  const Outcome text = predict(inputs);
  EXPECT_EQ(text.code, 1);
  expect_in_order(text.output, {"one.csv:2: ", "two.csv:2: "});
  EXPECT_NE(complaints(inputs).find("none.csv] no such file"), std::string::npos);
  expect_in_order(predict(inputs + " --json").output,
                  {"one.csv\",\"line\":2,\"class\"", "none.csv\",\"error\"", "two.csv\",\"line\""});
  fs::create_directories(folder_.file("empty"));
  EXPECT_EQ(predict(one + " " + folder_.file("empty")).code, 1);
  EXPECT_EQ(predict(none + " " + none).code, 3);
  EXPECT_EQ(predict(folder_.file("empty")).code, 3);
}

std::string npy_of(const std::vector<float>& values, const std::string& shape) {
  const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + shape + "), }";
  std::string npy = "\x93NUMPY\x01";
  npy.push_back('\0');
  npy.push_back(118);
  npy.push_back('\0');
  npy += header + std::string(118 - header.size() - 1, ' ') + "\n";
  npy.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  return npy;
}

TEST_F(PredictTest, ARowOfAnArrayThatIsNotFiniteIsNamed) {
  std::vector<uint8_t> pixels, labels;
  for (int i = 0; i < 16; ++i) {
    labels.push_back(static_cast<uint8_t>(i % 2));
    for (int p = 0; p < 4; ++p) pixels.push_back(static_cast<uint8_t>(100 * (i % 2) + p));
  }
  for (const std::string split : {"train", "t10k"}) {
    folder_.write(split + "-images-idx3-ubyte", idx_bytes({16, 2, 2}, pixels));
    folder_.write(split + "-labels-idx1-ubyte", idx_bytes({16}, labels));
  }
  train("model.name=mlp data.format=idx data.classes=2 data.path=" + folder_.path());
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::string file =
      write("a.npy",
            npy_of({0, 0, 0, 0, 0, nan, 0, 0, 1, 1, 1, 1, 3e38f, 3e38f, 3e38f, 3e38f}, "4, 2, 2"));
  const Outcome text = predict(file);
  EXPECT_EQ(text.code, 1);
  expect_in_order(text.output, {"a.npy[0]: ", "a.npy[2]: "});
  EXPECT_NE(complaints(file).find("a.npy[1]] holds NaN"), std::string::npos);
  const std::string broken = write("b.png", "\x89PNG no image");
  expect_in_order(
      predict(broken + " " + file + " --json").output,
      {"b.png\",\"error\"", "\"row\":0,\"class\"", "\"row\":1,\"error\"", "\"row\":2,\"class\""});
}

// A model whose weights are large says infinity of large numbers; the other rows stand.
TEST_F(PredictTest, AnAnswerThatIsNotFiniteIsNamed) {
  write("t.csv", "x,y\n1,2\n2,4\n3,6\n4,8\n5,10\n6,12\n7,14\n8,16\n");
  train(
      "model.name=mlp model.activation=leaky_relu data.format=csv data.scaling=none "
      "data.task=regression lr=10 data.path=" +
      folder_.file("t.csv"));
  const std::string rows = write("p.csv", "x\n1\n3.4e38\n2\n-3.4e38\n3\n");
  const Outcome text = predict(rows);
  EXPECT_EQ(text.code, 1);
  EXPECT_EQ(std::ranges::count(text.output, '\n'), 3) << text.output;
  expect_in_order(text.output, {"p.csv:2: ", "p.csv:4: ", "p.csv:6: "});
  expect_in_order(complaints(rows), {"p.csv:3] the model's answer is not finite",
                                     "p.csv:5] the model's answer is not finite"});
}

TEST_F(PredictTest, LinesOfTextsAndFilesThatAreNotThere) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "abcd\n";
  write("train.txt", text);
  write("val.txt", text);
  train(
      "model.name=lstm model.width=4 model.cells=4 model.layers=1 data.format=text data.length=8 "
      "data.path=" +
      folder_.path());
  const std::string lines = write("l.txt", "abcd\n\nx\n"), none = folder_.file("none.txt");
  EXPECT_EQ(predict(none + " " + lines).code, 1);
  expect_in_order(predict(none + " " + lines + " --json").output,
                  {"none.txt\",\"error\"", "\"line\":1,\"tokens\"", "\"line\":3,\"tokens\""});
  EXPECT_EQ(predict(none).code, 3);
}

}  // namespace
}  // namespace gradus
