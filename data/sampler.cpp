// SPDX-License-Identifier: Apache-2.0
#include "data/sampler.h"

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

}  // namespace

std::vector<int64_t> shuffled_order(int64_t count, uint64_t seed, uint64_t epoch) {
  std::vector<int64_t> order(static_cast<size_t>(count));
  shuffle_order(order, seed, epoch);
  return order;
}

void shuffle_order(std::span<int64_t> order, uint64_t seed, uint64_t epoch) {
  std::iota(order.begin(), order.end(), int64_t{0});
  const PhiloxKey key = philox_key({seed, epoch, 0}, path_id("data/order"));
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[bounded(key, i - 1, i)]);
}

Sampler::Sampler(int64_t count, int64_t batch, uint64_t seed)
    : count_(count), batch_(batch), seed_(seed) {
  GRADUS_CHECK(batch > 0, "[batch] expected a positive number, got {}", batch);
  GRADUS_CHECK(batch <= count, "[batch] expected at most the {} training samples, got {}", count,
               batch);
  order_.resize(static_cast<size_t>(count));
}

std::span<const int64_t> Sampler::batch(int64_t step) {
  const int64_t epoch = step / batches_per_epoch();
  if (epoch != epoch_) {
    shuffle_order(order_, seed_, static_cast<uint64_t>(epoch));
    epoch_ = epoch;
  }
  const int64_t first = step % batches_per_epoch() * batch_;
  return std::span<const int64_t>(order_).subspan(static_cast<size_t>(first),
                                                  static_cast<size_t>(batch_));
}

}  // namespace gradus
