// SPDX-License-Identifier: Apache-2.0
#include "data/dataset.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include <gtest/gtest.h>

#include "data/sampler.h"
#include "data/sources.h"
#include "engine/base/error.h"
#include "engine/base/philox.h"
#include "tests/data/temporary_folder.h"

namespace gradus {
namespace {

template <class Make>
std::string bad_data_message(Make&& make) {
  try {
    make();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::bad_data) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

Tensor labels_of(std::vector<int64_t> values) {
  return Tensor::from<int64_t>(DType::i64, {static_cast<int64_t>(values.size())}, values);
}

TEST(Dataset, FillsNormalisedSamplesInTheOrderAsked) {
  const std::vector<uint8_t> pixels = {0, 255, 51, 102, 204, 153};
  const auto data = make_labelled_dataset(
      {"set", "labels"}, Tensor::from<uint8_t>(DType::u8, {3, 2}, pixels), labels_of({1, 0, 2}), 3,
      {.scale = 255, .mean = {0.2}, .deviation = {0.5}});
  EXPECT_EQ(data->size(), 3);
  EXPECT_EQ(data->sample_shape(), (Shape{2}));
  Tensor inputs(DType::f64, {2, 2}), targets(DType::i64, {2});
  data->fill(std::vector<int64_t>{2, 0}, 0, inputs, targets);
  const std::vector<double> expected = {(0.8 - 0.2) / 0.5, (0.6 - 0.2) / 0.5, -0.4,
                                        (1 - 0.2) / 0.5};
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(inputs.to_doubles()[i], expected[i], 1e-15);
  EXPECT_EQ(targets.to_doubles(), (std::vector<double>{2, 1}));
}

TEST(Dataset, RefusesLabelsOutOfRange) {
  for (int64_t label : {-1, 3}) {
    const std::string message = bad_data_message([&] {
      make_labelled_dataset({"set", "labels"}, Tensor::zeros(DType::f32, {2, 4}),
                            labels_of({0, label}), 3, {});
    });
    EXPECT_NE(message.find("[labels] label of sample 1, expected 0 to 2"), std::string::npos)
        << message;
  }
}

TEST(Dataset, RefusesNanEmptyAndUnequalSizes) {
  for (double value : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    Tensor inputs = Tensor::zeros(DType::f32, {2, 4});
    inputs.data_as<float>()[6] = static_cast<float>(value);
    const std::string message = bad_data_message([&] {
      make_labelled_dataset({"set", "labels"}, inputs, labels_of({0, 0}), 3, {});
    });
    EXPECT_NE(message.find("value 2 of sample 1"), std::string::npos) << message;
  }
  bad_data_message([] {
    make_labelled_dataset({"set", "labels"}, Tensor::zeros(DType::f32, {0, 4}), labels_of({}), 3,
                          {});
  });
  bad_data_message([] {
    make_labelled_dataset({"set", "labels"}, Tensor::zeros(DType::f32, {2, 4}), labels_of({0}), 3,
                          {});
  });
  bad_data_message([] {
    make_labelled_dataset({"set", "labels"}, Tensor::zeros(DType::f32, {2, 4}),
                          Tensor::zeros(DType::f32, {2}), 3, {});
  });
}

TEST(Dataset, TextTargetsAreTheNextTokens) {
  const auto data = make_text_dataset("text", {10, 11, 12, 13, 14, 15, 16, 17}, 3, 256);
  EXPECT_EQ(data->size(), 2);
  Tensor inputs(DType::i64, {2, 3}), targets(DType::i64, {2, 3});
  data->fill(std::vector<int64_t>{1, 0}, 0, inputs, targets);
  EXPECT_EQ(inputs.to_doubles(), (std::vector<double>{13, 14, 15, 10, 11, 12}));
  EXPECT_EQ(targets.to_doubles(), (std::vector<double>{14, 15, 16, 11, 12, 13}));
}

TEST(Dataset, RefusesTokensOutOfRangeAndTooShortText) {
  const std::string message = bad_data_message([] {
    make_text_dataset("text", {1, 2, 300, 4}, 2, 256);
  });
  EXPECT_NE(message.find("token 2, expected 0 to 255, got 300"), std::string::npos) << message;
  bad_data_message([] { make_text_dataset("text", {1, 2, 3}, 3, 256); });
  bad_data_message([] { make_text_dataset("text", {}, 1, 256); });
}

TEST(Sampler, AnOrderIsAPermutationThatDependsOnSeedAndEpoch) {
  const std::vector<int64_t> order = shuffled_order(1000, 1, 0);
  std::vector<int64_t> sorted = order, all(1000);
  std::ranges::sort(sorted);
  std::iota(all.begin(), all.end(), int64_t{0});
  EXPECT_EQ(sorted, all);
  EXPECT_NE(order, all);
  EXPECT_EQ(order, shuffled_order(1000, 1, 0));
  EXPECT_NE(order, shuffled_order(1000, 1, 1));
  EXPECT_NE(order, shuffled_order(1000, 2, 0));
  EXPECT_TRUE(shuffled_order(0, 1, 0).empty());
}

// Every place of 5 is equally likely: chi-squared with 4 degrees of freedom is below 18.5 with
// probability 0.999.
TEST(Sampler, OrdersAreUniform) {
  std::vector<double> counts(5);
  for (uint64_t epoch = 0; epoch < 5000; ++epoch)
    counts[static_cast<size_t>(shuffled_order(5, 7, epoch)[0])] += 1;
  double chi_squared = 0;
  for (double count : counts) chi_squared += (count - 1000) * (count - 1000) / 1000;
  EXPECT_LT(chi_squared, 18.5);
}

TEST(Sampler, AnEpochTakesEachSampleAtMostOnce) {
  Sampler sampler(10, 3, 1);
  EXPECT_EQ(sampler.batches_per_epoch(), 3);
  std::set<int64_t> seen;
  for (int64_t step = 0; step < 3; ++step)
    for (int64_t index : sampler.batch(step)) EXPECT_TRUE(seen.insert(index).second);
  EXPECT_EQ(seen.size(), 9u);
  const auto first = sampler.batch(0);
  const std::vector<int64_t> again(first.begin(), first.end());
  const auto later = sampler.batch(3);
  EXPECT_NE(std::vector<int64_t>(later.begin(), later.end()), again);
}

// Row S168 of the ledger.
TEST(Sampler, EpochsHaveTheStepsThatDivisionGives) {
  EXPECT_EQ(Sampler(10000, 100, 1).batches_per_epoch(), 100);
  EXPECT_EQ(Sampler(10000, 100, 1, false).batches_per_epoch(), 100);
  EXPECT_EQ(Sampler(10000, 100, 1, false).forms().size(), 1u);
  EXPECT_EQ(Sampler(1437, 64, 1).batches_per_epoch(), 22);
  Sampler whole(1437, 64, 1, false);
  EXPECT_EQ(whole.batches_per_epoch(), 23);
  EXPECT_EQ(whole.batch(22).size(), 29u);
  EXPECT_EQ(whole.forms().size(), 2u);
  EXPECT_EQ(whole.forms()[1].samples, 29);
  EXPECT_EQ(whole.form_of(21), 0u);
  EXPECT_EQ(whole.form_of(22), 1u);
  EXPECT_EQ(whole.main_form(), 0u);
  std::vector<int> visits(1437);
  for (int64_t step = 0; step < 5 * 23; ++step)
    for (const int64_t sample : whole.batch(step)) ++visits[static_cast<size_t>(sample)];
  EXPECT_EQ(std::ranges::count(visits, 5), 1437);
}

TEST(Sampler, BucketsKeepLikeLengthsTogether) {
  std::vector<int32_t> buckets;
  for (uint64_t i = 0; i < 1000; ++i)
    buckets.push_back(static_cast<int32_t>(philox_word({8, 1}, i) % 5));
  for (const bool drop_last : {true, false}) {
    Sampler sampler(buckets, 16, 3, drop_last);
    EXPECT_EQ(sampler.batches_per_epoch(), drop_last ? 62 : 63);
    std::vector<int64_t> first;
    for (int64_t epoch = 0; epoch < 3; ++epoch) {
      std::set<int64_t> seen;
      int64_t mixed = 0;
      std::vector<size_t> forms;
      for (int64_t step = epoch * sampler.batches_per_epoch();
           step < (epoch + 1) * sampler.batches_per_epoch(); ++step) {
        const Sampler::Form form = sampler.forms()[sampler.form_of(step)];
        const auto batch = sampler.batch(step);
        EXPECT_EQ(static_cast<int64_t>(batch.size()), form.samples);
        bool one = true;
        for (const int64_t sample : batch) {
          EXPECT_TRUE(seen.insert(sample).second);
          EXPECT_LE(buckets[static_cast<size_t>(sample)], form.bucket);
          one = one && buckets[static_cast<size_t>(sample)] == form.bucket;
        }
        mixed += one ? 0 : 1;
        forms.push_back(sampler.form_of(step));
      }
      EXPECT_LE(mixed, 4);
      EXPECT_EQ(seen.size(), drop_last ? 992u : 1000u);
      EXPECT_FALSE(std::ranges::is_sorted(forms));  // lengths come in random order
      const auto begin = sampler.batch(epoch * sampler.batches_per_epoch());
      const std::vector<int64_t> now(begin.begin(), begin.end());
      EXPECT_NE(now, first);
      first = now;
    }
    // A step is the same wherever one begins.
    Sampler other(buckets, 16, 3, drop_last);
    const auto there = other.batch(100), here = sampler.batch(100);
    EXPECT_TRUE(std::ranges::equal(there, here));
    EXPECT_EQ(other.form_of(100), sampler.form_of(100));
  }
  // Buckets without enough samples for a batch end in the next one.
  const std::vector<int32_t> few = {0, 1, 2, 2};
  EXPECT_EQ(Sampler(few, 2, 1).forms().size(), 2u);
  EXPECT_EQ(Sampler(few, 2, 1).forms()[0].bucket, 1);
  EXPECT_EQ(Sampler(few, 3, 1, false).forms().size(), 2u);
}

TEST(Sampler, RefusesABatchThatDoesNotFit) {
  EXPECT_THROW(Sampler(10, 0, 1), Error);
  EXPECT_THROW(Sampler(10, -1, 1), Error);
  EXPECT_THROW(Sampler(10, 11, 1), Error);
}

class ImageFolderTest : public testing::Test {
 protected:
  ImageFolderTest() {
    std::vector<uint8_t> pixels(10 * 4), labels(10);
    std::iota(pixels.begin(), pixels.end(), uint8_t{0});
    for (size_t i = 0; i < 10; ++i) labels[i] = static_cast<uint8_t>(i);
    folder_.write("train-images-idx3-ubyte", idx_bytes({10, 2, 2}, pixels));
    folder_.write("train-labels-idx1-ubyte", idx_bytes({10}, labels));
  }

  std::set<int64_t> labels(const Dataset& data) {
    std::vector<int64_t> all(static_cast<size_t>(data.size()));
    std::iota(all.begin(), all.end(), int64_t{0});
    Tensor inputs(DType::f32, {data.size(), 1, 2, 2}), targets(DType::i64, {data.size()});
    data.fill(all, 0, inputs, targets);
    return {targets.data_as<int64_t>(), targets.data_as<int64_t>() + data.size()};
  }

  TemporaryFolder folder_;
};

TEST_F(ImageFolderTest, ValidationTakesItsSamplesAwayFromTraining) {
  const ImageFolder source = {.path = folder_.path(), .validation_samples = 3, .seed = 4};
  const auto train = load_images(source, Split::train);
  const auto validation = load_images(source, Split::validation);
  EXPECT_EQ(train->size(), 7);
  EXPECT_EQ(validation->size(), 3);
  EXPECT_EQ(train->sample_shape(), (Shape{1, 2, 2}));
  std::set<int64_t> all = labels(*train);
  for (int64_t label : labels(*validation)) EXPECT_TRUE(all.insert(label).second) << label;
  EXPECT_EQ(all.size(), 10u);
}

TEST_F(ImageFolderTest, WithoutValidationSamplesThereIsNoSuchSplit) {
  const ImageFolder source = {.path = folder_.path()};
  EXPECT_EQ(load_images(source, Split::train)->size(), 10);
  EXPECT_EQ(load_images(source, Split::validation), nullptr);
  EXPECT_THROW(load_images({.path = folder_.path(), .validation_samples = 10}, Split::train),
               Error);
  EXPECT_THROW(load_images(source, Split::test), Error);
}

}  // namespace
}  // namespace gradus
