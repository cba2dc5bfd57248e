// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace gradus {

// A random order of 0 .. count-1 that depends on (seed, epoch) alone (Fisher and Yates, words of
// Philox).
std::vector<int64_t> shuffled_order(int64_t count, uint64_t seed, uint64_t epoch);

// How often an epoch takes a sample. uniform: once. oversample: samples of smaller classes again,
// until each class has as many as the largest. undersample: of each class at most `ratio` times as
// many as the smallest has, others every epoch.
enum class Sampling { uniform, oversample, undersample };
std::optional<Sampling> parse_sampling(std::string_view name);

// Which samples each optimizer step takes: every epoch has its own order and drops the last
// count % batch samples of it. Step 0 is the first. Allocates nothing but in its constructor.
class Sampler {
 public:
  // Throws for a batch that is not positive or larger than the data set.
  Sampler(int64_t count, int64_t batch, uint64_t seed);
  // `labels`: the class of each sample. Throws too where an epoch has less than a batch, and for a
  // ratio below 1.
  Sampler(std::span<const int64_t> labels, Sampling sampling, double ratio, int64_t batch,
          uint64_t seed);

  int64_t samples_per_epoch() const { return static_cast<int64_t>(order_.size()); }
  int64_t batches_per_epoch() const { return samples_per_epoch() / batch_; }
  int64_t epoch_of(int64_t step) const { return step / batches_per_epoch(); }
  // Valid until the next call.
  std::span<const int64_t> batch(int64_t step);

 private:
  // The samples of a class and how many of them an epoch takes.
  struct Class {
    std::vector<int64_t> samples;
    int64_t wanted;
  };

  void start_epoch(int64_t epoch);

  int64_t batch_;
  uint64_t seed_;
  int64_t epoch_ = -1;
  std::vector<int64_t> order_;
  std::vector<Class> classes_;  // empty: each sample once
};

}  // namespace gradus
