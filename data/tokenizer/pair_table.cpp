// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer/pair_table.h"

#include <bit>

namespace gradus {

PairTable::PairTable(size_t pairs) : slots_(std::bit_ceil(2 * pairs + 2)) {}

void PairTable::set(int32_t left, int32_t right, Merge merge) {
  const uint64_t key = key_of(left, right);
  size_t at = place_of(key);
  while (slots_[at].merge.rank >= 0 && slots_[at].key != key) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = {key, merge};
}

}  // namespace gradus
