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

// Which samples each optimizer step takes: every epoch has its own order. The last count % batch
// samples of it are left out, or where `drop_last` is false a smaller batch at its end. Step 0 is
// the first. What a step takes depends on the arguments and the step alone. Allocates nothing but
// in its constructor.
class Sampler {
 public:
  // Throws for a batch that is not positive or larger than the data set.
  Sampler(int64_t count, int64_t batch, uint64_t seed, bool drop_last = true);
  // `labels`: the class of each sample. Throws too where an epoch has less than a batch, and for a
  // ratio below 1.
  Sampler(std::span<const int64_t> labels, Sampling sampling, double ratio, int64_t batch,
          uint64_t seed, bool drop_last = true);
  // `buckets`: how long each sample is, from 0 for the shortest. A batch holds samples of one
  // bucket, but for one batch between two buckets, which has what is left of the shorter; batches
  // follow each other in random order.
  Sampler(std::span<const int32_t> buckets, int64_t batch, uint64_t seed, bool drop_last = true);

  int64_t samples_per_epoch() const { return static_cast<int64_t>(order_.size()); }
  int64_t batches_per_epoch() const { return full_ + (rest() > 0 ? 1 : 0); }
  int64_t epoch_of(int64_t step) const { return step / batches_per_epoch(); }

  // What batches can be: by how many samples they have and the bucket of the longest. Those with
  // all of `batch` come first, in rising buckets, the last one of an epoch behind them.
  struct Form {
    int64_t samples;
    int32_t bucket;
  };
  const std::vector<Form>& forms() const { return forms_; }
  // The form of the longest with all of `batch`.
  size_t main_form() const { return forms_.size() - (rest() > 0 ? 2 : 1); }
  // Of a step's batch.
  size_t form_of(int64_t step);
  // Valid until the next call.
  std::span<const int64_t> batch(int64_t step);

 private:
  // The samples of a class and how many of them an epoch takes.
  struct Class {
    std::vector<int64_t> samples;
    int64_t wanted;
  };

  int64_t rest() const { return drop_last_ ? 0 : samples_per_epoch() - full_ * batch_; }
  void set_samples(size_t count);
  void start_epoch(int64_t epoch);
  void deal_by_bucket(uint64_t epoch);

  int64_t batch_;
  uint64_t seed_;
  bool drop_last_;
  int64_t full_ = 0;  // batches of an epoch that have all of batch_
  std::vector<Form> forms_;
  int64_t epoch_ = -1;
  std::vector<int64_t> order_;
  std::vector<Class> classes_;  // empty: each sample once
  // Of samples with buckets: these, where each bucket begins in an epoch sorted by them, the form
  // of each full batch in that order, and the order in which they are handed out.
  std::vector<int32_t> buckets_ = {};
  std::vector<size_t> bucket_begin_ = {}, next_ = {}, batch_forms_ = {};
  std::vector<int64_t> batch_order_ = {}, sorted_ = {};
};

}  // namespace gradus
