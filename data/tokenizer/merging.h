// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "data/tokenizer/pair_table.h"

namespace gradus {

// Merges neighbours of ids[first..] until no pair has a merge: always the pair of the lowest rank,
// of equal ones the leftmost. Time n log n in their number n.
void merge_pairs(const PairTable& merges, std::vector<int32_t>& ids, size_t first);

}  // namespace gradus
