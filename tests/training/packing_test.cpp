// SPDX-License-Identifier: Apache-2.0
// Documents in samples with others are scored as if each was alone.
#include <cmath>

#include <gtest/gtest.h>

#include "data/packed_dataset.h"
#include "engine/base/error.h"
#include "engine/base/philox.h"
#include "ops/all_ops.h"
#include "tests/data/temporary_folder.h"
#include "training/evaluation.h"
#include "training/model_factory.h"
#include "training/session.h"

namespace gradus {
namespace {

constexpr int64_t length = 16, vocabulary = 256;

class PackingTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { register_all_ops(); }

  PackingTest() {
    for (uint32_t d = 0; d < 9; ++d) {
      std::string text;
      for (uint64_t i = 0; i < 1 + (5 * d) % 15; ++i)
        text += static_cast<char>('a' + philox_word({d, 4}, i) % 26);
      texts_.push_back(text + "\n");
      lines_ += "{\"text\": \"" + text + "\"}\n";
    }
    for (const char* name : {"train.jsonl", "val.jsonl"})
      folder_.write(name, {lines_.begin(), lines_.end()});
  }

  Recipe recipe(const std::string& packing) const {
    return parse_recipe("", "test",
                        {"data.format=jsonl", "data.path=" + folder_.path(), "data.length=16",
                         "data.packing=" + packing, "model.name=gpt", "model.layers=2",
                         "model.heads=2", "model.width=16", "precision=f64", "steps=1", "batch=4"});
  }

  Score score(const Model& model, std::shared_ptr<const Dataset> data, int64_t batch) {
    Evaluation evaluation(model, std::move(data), batch, {.parameters = DType::f64}, parameters_,
                          states_, arena_);
    set_first_values(parameters_, 1, states_);
    return *evaluation.run();
  }

  // Of every document by itself: the sum of the losses of its targets, and their number.
  std::pair<double, int64_t> alone() {
    const Model model = make_language_model(recipe("stream"), vocabulary, length);
    double sum = 0;
    int64_t count = 0;
    for (const std::string& text : texts_) {
      const auto targets = static_cast<int64_t>(text.size()) - 1;
      const Score of_one = score(
          model, make_text_dataset("one", {text.begin(), text.end()}, targets, vocabulary), 1);
      sum += of_one.loss * static_cast<double>(targets);
      count += targets;
    }
    return {sum, count};
  }

  TemporaryFolder folder_;
  std::vector<std::string> texts_;
  std::string lines_;
  ParameterTable parameters_;
  StateStore states_{find_device("cpu")};
  Arena arena_{find_device("cpu")};
};

std::shared_ptr<const Dataset> packed(const std::vector<std::string>& texts, Packing packing) {
  Documents documents;
  for (const std::string& text : texts) {
    documents.tokens.insert(documents.tokens.end(), text.begin(), text.end());
    documents.end();
  }
  return make_packed_dataset("packed", documents, length, packing, vocabulary);
}

TEST_F(PackingTest, EvaluationIsThatOfEachDocumentAlone) {
  const auto [sum, count] = alone();
  for (const Packing packing : {Packing::pack, Packing::pad}) {
    const auto data = packed(texts_, packing);
    const Score together = score(make_model(recipe("pack"), *data), data, 2);
    EXPECT_NEAR(together.loss * static_cast<double>(count), sum, 1e-11 * sum);
    EXPECT_EQ(together.samples, data->size());
    const double correct = together.accuracy * static_cast<double>(count);
    EXPECT_NEAR(correct, std::round(correct), 1e-9);
  }
}

TEST_F(PackingTest, TrainingLossIsTheMeanOverAllTargets) {
  const auto [sum, count] = alone();
  for (const std::string packing : {"pack", "pad"}) {
    const int64_t samples = packed(texts_, *parse_packing(packing))->size();
    Recipe with = parse_recipe(recipe(packing).to_toml(), "test",
                               {"batch=" + std::to_string(samples), "seed=1"});
    TrainingSession session(with);
    EXPECT_NEAR(session.run(1, 0), sum / static_cast<double>(count), 1e-11) << packing;
  }
}

// What shows that the two above compare something: without masks the losses differ.
TEST_F(PackingTest, NeighboursWouldBeSeenWithoutTheMask) {
  const auto [sum, count] = alone();
  std::string all;
  for (const std::string& text : texts_) all += text;
  const Model model = make_language_model(recipe("stream"), vocabulary, length);
  const Score stream =
      score(model, make_text_dataset("all", {all.begin(), all.end()}, length, vocabulary), 1);
  EXPECT_GT(std::abs(stream.loss - sum / static_cast<double>(count)), 1e-6);
}

TEST_F(PackingTest, NamesWhatCannotBePacked) {
  const auto message = [](const Recipe& recipe) -> std::string {
    try {
      TrainingSession session(recipe);
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  };
  const std::string toml = recipe("pack").to_toml();
  EXPECT_NE(message(parse_recipe("", "test",
                                 {"data.format=jsonl", "data.path=" + folder_.path(),
                                  "data.packing=pack", "model.name=lstm", "batch=1"}))
                .find("data.packing=stream is for it"),
            std::string::npos)
      << message(parse_recipe("", "test",
                              {"data.format=jsonl", "data.path=" + folder_.path(),
                               "data.packing=pack", "model.name=lstm", "batch=1"}));
  EXPECT_NE(message(parse_recipe("", "test",
                                 {"data.format=text", "data.path=" + folder_.path(),
                                  "data.packing=pack", "model.name=gpt"}))
                .find("expected data.document_end"),
            std::string::npos);
  EXPECT_NE(
      message(parse_recipe(toml, "test", {"data.document_end=<|x|>"})).find("has no token '<|x|>'"),
      std::string::npos);
}

}  // namespace
}  // namespace gradus
