// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gradus {

// What two neighbouring tokens merge into. Open addressing, at most half full.
class PairTable {
 public:
  struct Merge {
    int32_t rank;  // lower goes first; -1: the pair has no merge
    int32_t token;
  };

  PairTable() : slots_(2) {}
  explicit PairTable(size_t pairs);

  // A pair that stands already gets the later merge. At most as many as the constructor was told.
  void set(int32_t left, int32_t right, Merge merge);
  Merge find(int32_t left, int32_t right) const {
    const uint64_t key = key_of(left, right);
    for (size_t at = place_of(key);; at = (at + 1) & (slots_.size() - 1)) {
      if (slots_[at].merge.rank < 0) return {-1, -1};
      if (slots_[at].key == key) return slots_[at].merge;
    }
  }

 private:
  struct Slot {
    uint64_t key = 0;
    Merge merge = {-1, -1};
  };
  static uint64_t key_of(int32_t left, int32_t right) {
    return static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right);
  }
  size_t place_of(uint64_t key) const {
    return static_cast<size_t>(key * 0x9E3779B97F4A7C15u >> 20) & (slots_.size() - 1);
  }

  std::vector<Slot> slots_;  // a power of two
};

}  // namespace gradus
