// SPDX-License-Identifier: Apache-2.0
#include "data/augmentation.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include <gtest/gtest.h>

#include "data/sampler.h"
#include "engine/base/error.h"
#include "engine/base/parallel.h"

namespace gradus {
namespace {

const Shape shape = {2, 5, 7};

std::vector<double> picture() {
  std::vector<double> image(70);
  for (size_t i = 0; i < image.size(); ++i) image[i] = static_cast<double>((i * 37) % 70) / 70;
  return image;
}

std::vector<double> changed(const Augmentation& options, uint64_t sample, const Shape& form = shape,
                            std::vector<double> image = picture()) {
  std::vector<double> scratch(image.size());
  augment(options, augmentation_key(1, 0, static_cast<int64_t>(sample)), form, image.data(),
          scratch.data());
  return image;
}

double at(const std::vector<double>& image, int64_t c, int64_t y, int64_t x) {
  return y < 0 || y >= 5 || x < 0 || x >= 7 ? 0 : image[static_cast<size_t>((c * 5 + y) * 7 + x)];
}

TEST(Augmentation, WithoutOptionsNothingChanges) {
  EXPECT_EQ(changed({}, 3), picture());
  EXPECT_FALSE(Augmentation{}.any());
}

TEST(Augmentation, FlipsMirrorHalfOfTheImages) {
  std::vector<double> mirrored = picture(), upside = picture();
  for (int64_t c = 0; c < 2; ++c)
    for (int64_t y = 0; y < 5; ++y)
      for (int64_t x = 0; x < 7; ++x) {
        mirrored[static_cast<size_t>((c * 5 + y) * 7 + x)] = at(picture(), c, y, 6 - x);
        upside[static_cast<size_t>((c * 5 + y) * 7 + x)] = at(picture(), c, 4 - y, x);
      }
  int flips = 0, turns = 0;
  for (uint64_t sample = 0; sample < 1000; ++sample) {
    const std::vector<double> flipped = changed({.flip = true}, sample);
    EXPECT_TRUE(flipped == picture() || flipped == mirrored);
    flips += flipped == mirrored;
    const std::vector<double> turned = changed({.flip_vertical = true}, sample);
    EXPECT_TRUE(turned == picture() || turned == upside);
    turns += turned == upside;
    // The same draw again undoes it.
    EXPECT_EQ(changed({.flip = true}, sample, shape, flipped), picture());
  }
  EXPECT_NEAR(flips, 500, 80);  // 5 standard deviations
  EXPECT_NEAR(turns, 500, 80);
}

TEST(Augmentation, ShiftsMoveAllChannelsAlikeAndBringZeros) {
  std::map<std::pair<int64_t, int64_t>, int> seen;
  for (uint64_t sample = 0; sample < 900; ++sample) {
    const std::vector<double> moved = changed({.shift = 1}, sample);
    int fits = 0;
    for (int64_t dy = -1; dy <= 1; ++dy)
      for (int64_t dx = -1; dx <= 1; ++dx) {
        bool same = true;
        for (int64_t i = 0; i < 70 && same; ++i)
          same = moved[static_cast<size_t>(i)] == at(picture(), i / 35, i / 7 % 5 - dy, i % 7 - dx);
        if (same) ++seen[{dy, dx}];
        fits += same;
      }
    EXPECT_EQ(fits, 1);
  }
  EXPECT_EQ(seen.size(), 9u);
  for (const auto& [move, count] : seen) EXPECT_NEAR(count, 100, 50);
  // Beyond the image: nothing is left.
  const std::vector<double> far = changed({.shift = 1000}, 1);
  EXPECT_TRUE(std::ranges::all_of(far, [](double v) { return v == 0; }));
}

// The warp written once more from its definition.
TEST(Augmentation, RotationAndZoomAreABilinearWarp) {
  for (uint64_t sample = 0; sample < 20; ++sample) {
    const PhiloxKey key = augmentation_key(1, 0, static_cast<int64_t>(sample));
    const double degrees = -30 + 60 * static_cast<double>(uniform_float(philox_word(key, 0)));
    const double zoom = 0.8 + 0.4 * static_cast<double>(uniform_float(philox_word(key, 1)));
    const std::vector<double> warped = changed({.rotation = 30, .zoom = 0.2}, sample);
    const double angle = degrees * 3.14159265358979323846 / 180;
    for (int64_t i = 0; i < 70; ++i) {
      const double dy = static_cast<double>(i / 7 % 5) - 2, dx = static_cast<double>(i % 7) - 3;
      const double y = 2 + (std::cos(angle) * dy + std::sin(angle) * dx) / zoom;
      const double x = 3 + (std::cos(angle) * dx - std::sin(angle) * dy) / zoom;
      double expected = 0;
      for (int64_t sy = 0; sy < 5; ++sy)
        for (int64_t sx = 0; sx < 7; ++sx)
          expected += std::max(0.0, 1 - std::abs(y - static_cast<double>(sy))) *
                      std::max(0.0, 1 - std::abs(x - static_cast<double>(sx))) *
                      at(picture(), i / 35, sy, sx);
      EXPECT_NEAR(warped[static_cast<size_t>(i)], expected, 1e-12);
    }
  }
}

TEST(Augmentation, ColoursChangeAsTheySay) {
  const std::vector<double> grey(70, 0.5);
  for (uint64_t sample = 0; sample < 50; ++sample) {
    const std::vector<double> brighter = changed({.brightness = 0.2}, sample, shape, grey);
    EXPECT_LE(std::abs(brighter[0] - 0.5), 0.2);
    EXPECT_EQ(std::ranges::count(brighter, brighter[0]), 70);  // one constant
    // Contrast keeps the mean of what is not clamped.
    std::vector<double> soft = picture();
    for (double& value : soft) value = 0.4 + 0.2 * value;
    const std::vector<double> contrast = changed({.contrast = 0.5}, sample, shape, soft);
    const auto mean = [](const std::vector<double>& v) {
      return std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size());
    };
    EXPECT_NEAR(mean(contrast), mean(soft), 1e-12);
    const double factor = (contrast[1] - mean(soft)) / (soft[1] - mean(soft));
    EXPECT_GE(factor, 0.5);
    EXPECT_LE(factor, 1.5);
    EXPECT_NEAR((contrast[9] - mean(soft)) / (soft[9] - mean(soft)), factor, 1e-9);
    const std::vector<double> wild = changed({.brightness = 1, .contrast = 1, .noise = 1}, sample);
    for (const double value : wild) EXPECT_TRUE(value >= 0 && value <= 1);
  }
}

TEST(Augmentation, SaturationKeepsTheLuma) {
  const std::vector<double> colour = {0.6, 0.5, 0.3};
  const auto luma = [](const std::vector<double>& v) {
    return 0.299 * v[0] + 0.587 * v[1] + 0.114 * v[2];
  };
  bool moved = false;
  for (uint64_t sample = 0; sample < 20; ++sample) {
    const std::vector<double> result = changed({.saturation = 0.5}, sample, {3, 1, 1}, colour);
    EXPECT_NEAR(luma(result), luma(colour), 1e-12);
    moved = moved || std::abs(result[0] - colour[0]) > 0.01;
  }
  EXPECT_TRUE(moved);
}

TEST(Augmentation, NoiseHasTheDeviationAsked) {
  const Shape large = {1, 200, 200};
  const std::vector<double> noisy =
      changed({.noise = 0.05}, 1, large, std::vector<double>(40000, 0.5));
  double sum = 0, squares = 0;
  for (const double value : noisy) sum += value - 0.5, squares += (value - 0.5) * (value - 0.5);
  EXPECT_NEAR(sum / 40000, 0, 5 * 0.05 / 200);
  EXPECT_NEAR(std::sqrt(squares / 40000), 0.05, 0.05 * 0.02);
}

TEST(Augmentation, ErasesARectangleOfTheAreaAsked) {
  const Shape large = {2, 40, 40};
  int erased = 0;
  for (uint64_t sample = 0; sample < 400; ++sample) {
    const std::vector<double> image =
        changed({.erase = 0.5}, sample, large, std::vector<double>(3200, 1));
    const int64_t zeros = std::ranges::count(image, 0.0);
    if (zeros == 0) continue;
    ++erased;
    int64_t top = 40, bottom = -1, left = 40, right = -1;
    for (int64_t i = 0; i < 1600; ++i) {
      EXPECT_EQ(image[static_cast<size_t>(i)], image[static_cast<size_t>(1600 + i)]);
      if (image[static_cast<size_t>(i)] != 0) continue;
      top = std::min(top, i / 40), bottom = std::max(bottom, i / 40);
      left = std::min(left, i % 40), right = std::max(right, i % 40);
    }
    EXPECT_EQ(zeros, 2 * (bottom - top + 1) * (right - left + 1));  // all of the rectangle
    EXPECT_LE(static_cast<double>(zeros) / 3200, 0.36);
  }
  EXPECT_NEAR(erased, 200, 50);
}

// Images whose number is in all their pixels.
std::shared_ptr<const Dataset> numbered(int64_t count) {
  std::vector<uint8_t> pixels;
  for (int64_t i = 0; i < count; ++i)
    for (int64_t p = 0; p < 64; ++p) pixels.push_back(static_cast<uint8_t>(i + p));
  return make_labelled_dataset({"set", "labels"},
                               Tensor::from<uint8_t>(DType::u8, {count, 1, 8, 8}, pixels),
                               Tensor::zeros(DType::i64, {count}), 2, {255});
}

const Augmentation everything = {.rotation = 20,
                                 .zoom = 0.1,
                                 .flip = true,
                                 .shift = 2,
                                 .brightness = 0.2,
                                 .contrast = 0.2,
                                 .noise = 0.1,
                                 .erase = 0.5};

std::vector<double> training_batch(const Dataset& data, std::vector<int64_t> indices,
                                   uint64_t epoch) {
  Tensor inputs(DType::f32, {static_cast<int64_t>(indices.size()), 1, 8, 8});
  Tensor targets(DType::i64, {static_cast<int64_t>(indices.size())});
  data.fill_training(indices, epoch, 0, inputs, targets);
  return inputs.to_doubles();
}

TEST(Augmentation, DrawsDependOnSeedEpochAndSampleAlone) {
  const auto data = make_augmented_dataset(numbered(40), everything, {1, {0.5}, {0.25}}, 7);
  std::vector<int64_t> all(40);
  std::iota(all.begin(), all.end(), int64_t{0});
  const std::vector<double> together = training_batch(*data, all, 3);
  set_thread_count(2);
  EXPECT_EQ(training_batch(*data, all, 3), together);
  set_thread_count(1);
  const std::vector<double> alone = training_batch(*data, {17}, 3);
  EXPECT_TRUE(std::equal(alone.begin(), alone.end(), together.begin() + 17 * 64));
  EXPECT_NE(training_batch(*data, all, 4), together);
  const auto other = make_augmented_dataset(numbered(40), everything, {1, {0.5}, {0.25}}, 8);
  EXPECT_NE(training_batch(*other, all, 3), together);
}

TEST(Augmentation, EvaluationSeesImagesAsTheyAre) {
  const auto data = make_augmented_dataset(numbered(4), everything, {1, {0.5}, {0.25}}, 7);
  Tensor inputs(DType::f64, {1, 1, 8, 8}), targets(DType::i64, {1});
  data->fill(std::vector<int64_t>{2}, 0, inputs, targets);
  for (int64_t p = 0; p < 64; ++p)
    EXPECT_NEAR(inputs.to_doubles()[static_cast<size_t>(p)],
                (static_cast<double>(2 + p) / 255 - 0.5) / 0.25, 1e-12);
}

TEST(Augmentation, RefusesOptionsOutOfRange) {
  EXPECT_THROW(make_augmented_dataset(numbered(4), {.zoom = 1}, {}, 1), Error);
  EXPECT_THROW(make_augmented_dataset(numbered(4), {.erase = -0.1}, {}, 1), Error);
  EXPECT_THROW(make_augmented_dataset(numbered(4), {}, {1, {0, 0}, {1, 1}}, 1), Error);
  EXPECT_THROW(make_augmented_dataset(make_text_dataset("t", {1, 2, 3}, 1, 256), {}, {}, 1), Error);
}

std::vector<int64_t> unequal_labels() {
  std::vector<int64_t> labels(100, 0);
  for (size_t i = 0; i < 12; ++i) labels[i * 8] = 1;
  return labels;
}

std::map<int64_t, int> epoch_counts(Sampler& sampler, int64_t epoch, int64_t batch) {
  std::map<int64_t, int> counts;
  const int64_t batches = sampler.batches_per_epoch();
  for (int64_t b = 0; b < batches; ++b) {
    const auto samples = sampler.batch(epoch * batches + b);
    EXPECT_EQ(samples.size(), static_cast<size_t>(batch));
    for (const int64_t sample : samples) ++counts[sample];
  }
  return counts;
}

TEST(Sampling, OversamplingMakesClassesEqual) {
  const std::vector<int64_t> labels = unequal_labels();
  Sampler sampler(labels, Sampling::oversample, 1, 1, 3);
  EXPECT_EQ(sampler.samples_per_epoch(), 176);
  std::map<int64_t, int> of_class;
  for (const auto& [sample, count] : epoch_counts(sampler, 2, 1)) {
    const int64_t label = labels[static_cast<size_t>(sample)];
    of_class[label] += count;
    EXPECT_TRUE(label == 0 ? count == 1 : count == 7 || count == 8);  // 88 / 12
  }
  EXPECT_EQ(of_class[0], 88);
  EXPECT_EQ(of_class[1], 88);
}

TEST(Sampling, UndersamplingKeepsTheRareClassWhole) {
  const std::vector<int64_t> labels = unequal_labels();
  Sampler sampler(labels, Sampling::undersample, 2, 1, 3);
  EXPECT_EQ(sampler.samples_per_epoch(), 36);
  const std::map<int64_t, int> first = epoch_counts(sampler, 0, 1);
  const std::map<int64_t, int> second = epoch_counts(sampler, 1, 1);
  for (const auto* counts : {&first, &second}) {
    int rare = 0;
    for (const auto& [sample, count] : *counts) {
      EXPECT_EQ(count, 1);
      rare += labels[static_cast<size_t>(sample)] == 1;
    }
    EXPECT_EQ(rare, 12);
    EXPECT_EQ(counts->size(), 36u);
  }
  EXPECT_NE(first, second);  // other samples of the common class
  // An epoch does not depend on those before it.
  Sampler again(labels, Sampling::undersample, 2, 1, 3);
  EXPECT_EQ(epoch_counts(again, 1, 1), second);
  EXPECT_THROW(Sampler(labels, Sampling::undersample, 0.5, 1, 3), Error);
  EXPECT_THROW(Sampler(labels, Sampling::undersample, 1, 25, 3), Error);
}

}  // namespace
}  // namespace gradus
