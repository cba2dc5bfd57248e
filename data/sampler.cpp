// SPDX-License-Identifier: Apache-2.0
#include "data/sampler.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/philox.h"

namespace gradus {
namespace {

// A number in [0, bound): the high half of a 64 x 32-bit product. Two words give it 64 random bits,
// so its bias is below bound / 2^64.
uint64_t bounded(PhiloxKey key, uint64_t index, uint64_t bound) {
  const uint64_t high = philox_word(key, 2 * index), low = philox_word(key, 2 * index + 1);
  __extension__ using Wide = unsigned __int128;
  return static_cast<uint64_t>((static_cast<Wide>(high << 32 | low) * bound) >> 64);
}

void shuffle(std::span<int64_t> order, PhiloxKey key) {
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[bounded(key, i - 1, i)]);
}

PhiloxKey order_key(uint64_t seed, uint64_t epoch) {
  return philox_key({seed, epoch, 0}, path_id("data/order"));
}

}  // namespace

std::vector<int64_t> shuffled_order(int64_t count, uint64_t seed, uint64_t epoch) {
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), int64_t{0});
  shuffle(order, order_key(seed, epoch));
  return order;
}

std::optional<Sampling> parse_sampling(std::string_view name) {
  if (name == "uniform") return Sampling::uniform;
  if (name == "oversample") return Sampling::oversample;
  if (name == "undersample") return Sampling::undersample;
  return std::nullopt;
}

Sampler::Sampler(int64_t count, int64_t batch, uint64_t seed, bool drop_last)
    : batch_(batch), seed_(seed), drop_last_(drop_last) {
  GRADUS_CHECK(batch > 0, "[batch] expected a positive number, got {}", batch);
  GRADUS_CHECK(batch <= count, "[batch] expected at most the {} training samples, got {}", count,
               batch);
  set_samples(static_cast<size_t>(count));
}

void Sampler::set_samples(size_t count) {
  order_.resize(count);
  full_ = samples_per_epoch() / batch_;
  forms_ = {{batch_, 0}};
  if (rest() > 0) forms_.push_back({rest(), 0});
}

Sampler::Sampler(std::span<const int64_t> labels, Sampling sampling, double ratio, int64_t batch,
                 uint64_t seed, bool drop_last)
    : Sampler(static_cast<int64_t>(labels.size()), batch, seed, drop_last) {
  if (sampling == Sampling::uniform) return;
  GRADUS_CHECK(ratio >= 1, "[data.ratio] expected at least 1, got {}", ratio);
  std::map<int64_t, std::vector<int64_t>> by_class;
  for (size_t i = 0; i < labels.size(); ++i) by_class[labels[i]].push_back(static_cast<int64_t>(i));
  size_t least = labels.size(), most = 0;
  for (const auto& [label, samples] : by_class) {
    least = std::min(least, samples.size());
    most = std::max(most, samples.size());
  }
  const auto limit = static_cast<int64_t>(ratio * static_cast<double>(least));
  int64_t total = 0;
  for (auto& [label, samples] : by_class) {
    const auto have = static_cast<int64_t>(samples.size());
    const int64_t wanted =
        sampling == Sampling::oversample ? static_cast<int64_t>(most) : std::min(have, limit);
    total += wanted;
    classes_.push_back({std::move(samples), wanted});
  }
  GRADUS_CHECK(batch <= total, "[batch] expected at most the {} samples of an epoch, got {}", total,
               batch);
  set_samples(static_cast<size_t>(total));
}

// How many samples a bucket has is the same in every epoch, and so is the bucket of the last sample
// of each batch once they are sorted.
Sampler::Sampler(std::span<const int32_t> buckets, int64_t batch, uint64_t seed, bool drop_last)
    : Sampler(static_cast<int64_t>(buckets.size()), batch, seed, drop_last) {
  buckets_.assign(buckets.begin(), buckets.end());
  sorted_.resize(buckets_.size());
  batch_order_.resize(static_cast<size_t>(full_));
  std::vector<int32_t> rising = buckets_;
  std::ranges::sort(rising);
  bucket_begin_.resize(static_cast<size_t>(rising.back()) + 1);
  for (size_t b = 0; b < bucket_begin_.size(); ++b)
    bucket_begin_[b] = static_cast<size_t>(
        std::ranges::lower_bound(rising, static_cast<int32_t>(b)) - rising.begin());
  next_.resize(bucket_begin_.size());
  forms_.clear();
  for (int64_t b = 0; b < full_; ++b) {
    const int32_t longest = rising[static_cast<size_t>((b + 1) * batch_ - 1)];
    if (forms_.empty() || forms_.back().bucket != longest) forms_.push_back({batch_, longest});
    batch_forms_.push_back(forms_.size() - 1);
  }
  if (rest() > 0) forms_.push_back({rest(), rising.back()});
}

// Sorts the samples by bucket, leaving them in random order within each, and cuts batches off.
void Sampler::deal_by_bucket(uint64_t epoch) {
  std::ranges::copy(bucket_begin_, next_.begin());
  for (const int64_t sample : order_)
    sorted_[next_[static_cast<size_t>(buckets_[static_cast<size_t>(sample)])]++] = sample;
  std::iota(batch_order_.begin(), batch_order_.end(), int64_t{0});
  shuffle(batch_order_, philox_key({seed_, epoch, 0}, path_id("data/bucket_order")));
  auto to = order_.begin();
  for (const int64_t batch : batch_order_)
    to = std::copy_n(sorted_.begin() + batch * batch_, batch_, to);
  std::copy(sorted_.begin() + full_ * batch_, sorted_.end(), to);
}

void Sampler::start_epoch(int64_t epoch) {
  epoch_ = epoch;
  const auto number = static_cast<uint64_t>(epoch);
  if (classes_.empty()) std::iota(order_.begin(), order_.end(), int64_t{0});
  auto next = order_.begin();
  for (size_t c = 0; c < classes_.size(); ++c) {
    Class& from = classes_[c];
    // From the sorted order, so that an epoch does not depend on those before it.
    std::ranges::sort(from.samples);
    shuffle(from.samples, philox_key({seed_, number, c}, path_id("data/sampling")));
    for (int64_t taken = 0; taken < from.wanted;) {
      const int64_t count =
          std::min(from.wanted - taken, static_cast<int64_t>(from.samples.size()));
      next = std::copy_n(from.samples.begin(), count, next);
      taken += count;
    }
  }
  shuffle(order_, order_key(seed_, number));
  if (!buckets_.empty()) deal_by_bucket(number);
}

size_t Sampler::form_of(int64_t step) {
  const int64_t place = step % batches_per_epoch();
  if (place == full_) return forms_.size() - 1;
  if (buckets_.empty()) return 0;
  if (epoch_of(step) != epoch_) start_epoch(epoch_of(step));
  return batch_forms_[static_cast<size_t>(batch_order_[static_cast<size_t>(place)])];
}

std::span<const int64_t> Sampler::batch(int64_t step) {
  if (epoch_of(step) != epoch_) start_epoch(epoch_of(step));
  const int64_t place = step % batches_per_epoch();
  return std::span<const int64_t>(order_).subspan(
      static_cast<size_t>(place * batch_), static_cast<size_t>(place == full_ ? rest() : batch_));
}

}  // namespace gradus
