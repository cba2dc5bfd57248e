// SPDX-License-Identifier: Apache-2.0
#include "training/loader.h"

#include <atomic>
#include <chrono>

#include <gtest/gtest.h>

#include "data/augmentation.h"
#include "engine/base/error.h"
#include "engine/base/philox.h"
#include "tests/support/allocation_counter.h"

namespace gradus {
namespace {

std::shared_ptr<const Dataset> images(int64_t count) {
  std::vector<uint8_t> pixels(static_cast<size_t>(count * 64));
  for (size_t i = 0; i < pixels.size(); ++i)
    pixels[i] = static_cast<uint8_t>(philox_word({1, 2}, i));
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < count; ++i) labels.push_back(i % 10);
  std::shared_ptr<const Dataset> whole = make_labelled_dataset(
      {"set", "labels"}, Tensor::from<uint8_t>(DType::u8, {count, 1, 8, 8}, pixels),
      Tensor::from<int64_t>(DType::i64, {count}, labels), 10, {255});
  return make_augmented_dataset(whole, {.rotation = 10, .flip = true, .shift = 2, .noise = 0.1}, {},
                                5);
}

Loader loader_of(const std::shared_ptr<const Dataset>& data, int64_t batch, int64_t parts,
                 int64_t workers, int64_t end) {
  return Loader(data, Sampler(data->size(), batch * parts, 3), batch_spec(*data, batch), DType::f32,
                {.parts = parts, .workers = workers, .end = end});
}

std::vector<double> batch_of(Loader& loader, int64_t position) {
  const HostBatch& batch = loader.at(position);
  std::vector<double> values = batch.inputs.to_doubles();
  const std::vector<double> targets = batch.targets.to_doubles();
  values.insert(values.end(), targets.begin(), targets.end());
  return values;
}

TEST(Loader, BatchesAreTheSameForAnyNumberOfWorkers) {
  const auto data = images(50);  // 4 steps of 12 an epoch, so 40 positions are 3 epochs and more
  Loader alone = loader_of(data, 4, 3, 0, 40);
  std::vector<std::vector<double>> expected;
  for (int64_t position = 0; position < 40; ++position)
    expected.push_back(batch_of(alone, position));
  EXPECT_NE(expected[0], expected[12]);  // another epoch
  for (const int64_t workers : {1, 2, 3, 7}) {
    Loader loader = loader_of(data, 4, 3, workers, 40);
    for (int64_t position = 0; position < 40; ++position)
      EXPECT_EQ(batch_of(loader, position), expected[static_cast<size_t>(position)])
          << workers << " workers, position " << position;
  }
}

TEST(Loader, PartsOfAStepAreItsSamplesInOrder) {
  const auto data = images(50);
  Loader whole = loader_of(data, 12, 1, 1, 8), parts = loader_of(data, 4, 3, 2, 24);
  for (int64_t step = 0; step < 8; ++step) {
    const std::vector<double> expected = whole.at(step).inputs.to_doubles();
    std::vector<double> joined;
    for (int64_t part = 0; part < 3; ++part) {
      const std::vector<double> values = parts.at(3 * step + part).inputs.to_doubles();
      joined.insert(joined.end(), values.begin(), values.end());
    }
    EXPECT_EQ(joined, expected);
  }
}

TEST(Loader, StartsAnywhereAndAnswersAgain) {
  const auto data = images(50);
  Loader alone = loader_of(data, 5, 1, 0, 100);
  for (const int64_t workers : {0, 1, 3}) {
    Loader loader = loader_of(data, 5, 1, workers, 100);
    for (const int64_t position : {57, 58, 58, 3, 4, 99, 0, 1, 2, 50})
      EXPECT_EQ(batch_of(loader, position), batch_of(alone, position)) << position;
  }
}

TEST(Loader, StopsWhileWorkersAreAhead) {
  const auto data = images(50);
  for (int round = 0; round < 20; ++round) {
    Loader unused = loader_of(data, 5, 1, 3, 1000);
    Loader loader = loader_of(data, 5, 1, 3, 1000);
    (void)loader.at(0);
  }
}

// A sample that cannot be read.
class Broken : public Dataset {
 public:
  explicit Broken(std::shared_ptr<const Dataset> whole, int64_t sample)
      : whole_(std::move(whole)), sample_(sample) {}
  int64_t size() const override { return whole_->size(); }
  Shape sample_shape() const override { return whole_->sample_shape(); }
  Shape target_shape() const override { return whole_->target_shape(); }
  bool input_is_index() const override { return false; }
  int64_t classes() const override { return whole_->classes(); }
  void fill(std::span<const int64_t> indices, int64_t first, Tensor& inputs,
            Tensor& targets) const override {
    for (const int64_t index : indices)
      if (index == sample_) failf(ErrorKind::bad_data, "image", "sample {} is damaged", index);
    whole_->fill(indices, first, inputs, targets);
  }

 private:
  std::shared_ptr<const Dataset> whole_;
  int64_t sample_;
};

TEST(Loader, AnErrorSurfacesAtTheStepThatUsesTheBatch) {
  const auto data = std::make_shared<const Broken>(images(50), 17);
  for (const int64_t workers : {0, 1, 4}) {
    Loader loader = loader_of(data, 5, 1, workers, 10);
    Sampler sampler(50, 5, 3);
    int failures = 0;
    for (int64_t position = 0; position < 10; ++position) {
      const auto samples = sampler.batch(position);
      const bool broken = std::ranges::find(samples, 17) != samples.end();
      failures += broken;
      if (!broken) {
        EXPECT_NO_THROW(loader.at(position));
        continue;
      }
      for (int again = 0; again < 2; ++again) EXPECT_THROW(loader.at(position), Error);
    }
    EXPECT_EQ(failures, 1);
  }
}

TEST(Loader, StepsAllocateNothing) {
  if (!testing::counts_allocations()) GTEST_SKIP() << "a sanitizer's allocator is not counted";
  const auto data = images(60);
  for (const int64_t workers : {0, 2}) {
    Loader loader = loader_of(data, 6, 1, workers, 1200);
    for (int64_t position = 0; position < 200; ++position) (void)loader.at(position);
    const int64_t before = testing::allocation_count();
    for (int64_t position = 200; position < 1200; ++position) (void)loader.at(position);
    // A worker whose first batch came late makes its scratch then.
    EXPECT_LE(testing::allocation_count() - before, 4 * workers);
  }
}

}  // namespace
}  // namespace gradus
