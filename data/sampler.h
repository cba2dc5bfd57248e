// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace gradus {

// A random order of 0 .. count-1 that depends on (seed, epoch) alone (Fisher and Yates, words of
// Philox).
std::vector<int64_t> shuffled_order(int64_t count, uint64_t seed, uint64_t epoch);
// The same in the memory of `order`.
void shuffle_order(std::span<int64_t> order, uint64_t seed, uint64_t epoch);

// Which samples each optimizer step takes: every epoch has its own order and drops the last
// count % batch samples of it. Step 0 is the first.
class Sampler {
 public:
  // Throws for a batch that is not positive or larger than the data set.
  Sampler(int64_t count, int64_t batch, uint64_t seed);

  int64_t batches_per_epoch() const { return count_ / batch_; }
  // Valid until the next call.
  std::span<const int64_t> batch(int64_t step);

 private:
  int64_t count_, batch_;
  uint64_t seed_;
  int64_t epoch_ = -1;
  std::vector<int64_t> order_;
};

}  // namespace gradus
