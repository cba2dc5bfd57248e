// SPDX-License-Identifier: Apache-2.0
// Documents in samples with others are scored as if each was alone.
#include <cmath>
#include <fstream>

#include <gtest/gtest.h>

#include "data/packed_dataset.h"
#include "engine/base/error.h"
#include "engine/base/philox.h"
#include "ops/all_ops.h"
#include "tests/data/temporary_folder.h"
#include "training/evaluation.h"
#include "training/model_factory.h"
#include "training/session.h"
#include "training/trainer.h"

namespace gradus {
namespace {

constexpr int64_t length = 16, vocabulary = 256;

std::string contents_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

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

// Each step's loss is the mean over the targets of its documents, whatever fills the batch up.
TEST_F(PackingTest, BucketsScoreTheirDocumentsAlone) {
  const Model model = make_language_model(recipe("stream"), vocabulary, length);
  const Recipe with =
      parse_recipe(recipe("bucket").to_toml(), "test",
                   {"batch=2", "accumulate=1", "lr=0", "epochs=1", "steps=0",
                    "data.drop_last=false", "data.buckets=[4, 9]", "data.workers=2"});
  const auto data = load_data(with, Split::train);
  EXPECT_EQ(data->lengths().size(), 3u);  // 4, 9, 16
  TrainingSession session(with);
  Sampler sampler = make_sampler(with, *data);
  EXPECT_EQ(session.steps(), 5);
  EXPECT_GE(sampler.forms().size(), 3u);
  for (int64_t step = 1; step <= session.steps(); ++step) {
    double sum = 0, count = 0;
    for (const int64_t document : sampler.batch(step - 1)) {
      const std::string& text = texts_[static_cast<size_t>(document)];
      const auto targets = static_cast<int64_t>(text.size()) - 1;
      const Score of_one = score(
          model, make_text_dataset("one", {text.begin(), text.end()}, targets, vocabulary), 1);
      sum += of_one.loss * static_cast<double>(targets);
      count += static_cast<double>(targets);
    }
    EXPECT_NEAR(session.run(step, 0), sum / count, 1e-11) << step;
  }
  const Score validation = *session.validate({});
  const auto [all, targets] = alone();
  EXPECT_NEAR(validation.loss, all / static_cast<double>(targets), 1e-11);
}

// The order of batches and lengths follows from the position alone: the same weights for any number
// of workers and after stops, in the middle of an accumulation too.
TEST_F(PackingTest, BucketsGoOnExactly) {
  const auto finished = [&](const std::string& name, const std::string& workers, int64_t stop) {
    const Recipe with = parse_recipe(
        recipe("bucket").to_toml(), "test",
        {"batch=6", "accumulate=3", "epochs=3", "steps=0", "precision=f32", "data.drop_last=false",
         "model.dropout=0.1", "checkpoint.every=1", "data.workers=" + workers});
    int64_t asked = 0;
    const std::string run = folder_.path() + "/" + name;
    if (stop > 0) {
      EXPECT_EQ(train(with, run, {}, {.stop = [&] { return ++asked > stop; }}).end,
                TrainingEnd::stopped);
    }
    EXPECT_EQ(train(with, run).end, TrainingEnd::finished);
    return contents_of(run + "/final.safetensors") + contents_of(run + "/metrics.jsonl");
  };
  const std::string whole = finished("whole", "0", 0);
  EXPECT_EQ(finished("workers", "2", 0), whole);
  EXPECT_EQ(finished("stopped", "1", 3), whole);
  EXPECT_EQ(finished("stopped_later", "0", 8), whole);
}

TEST_F(PackingTest, BucketsOfTheirOwnAccord) {
  const auto data = packed(texts_, Packing::bucket);
  const std::span<const int64_t> lengths = data->lengths();
  EXPECT_TRUE(std::ranges::is_sorted(lengths));
  int64_t padded = 0, in_buckets = 0;
  for (const int32_t bucket : data->buckets()) {
    padded += length;
    in_buckets += lengths[static_cast<size_t>(bucket)];
  }
  EXPECT_LT(in_buckets, padded * 3 / 4);
  EXPECT_THROW(make_packed_dataset("x", {{1, 2, 3}, {3}}, 4, Packing::bucket, 9, 0, {5}), Error);
  EXPECT_THROW(make_packed_dataset("x", {{1, 2, 3}, {3}}, 4, Packing::bucket, 9, 0, {0}), Error);
  EXPECT_EQ(make_packed_dataset("x", {{1, 2, 3}, {3}}, 4, Packing::bucket, 9)->lengths().size(),
            1u);
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
