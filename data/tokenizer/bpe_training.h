// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "data/tokenizer/bpe.h"
#include "data/tokenizer/vocabulary.h"

namespace gradus {

struct BpeTraining {
  int64_t vocabulary = 30000;             // tokens to have at the end
  int64_t least_count = 0;                // of a pair that still merges
  std::vector<std::string> special = {};  // the first tokens
  std::set<char32_t> alphabet = {};       // code points that are tokens in any case
  std::string prefix = {};                // of tokens within a word
};

struct TrainedBpe {
  Vocabulary::Entries vocabulary;
  Merges merges;
};

// Byte-pair encoding (Sennrich et al. 2016) learned from words and how often each occurs: special
// tokens, code points in their order, then a token for each merge of the most frequent pair of
// neighbours, of equally frequent ones that of the smaller ids. Stops early where no pair is left.
// Throws invalid_argument where `vocabulary` has no room for the code points.
TrainedBpe train_bpe(const TextMap<int64_t>& words, const BpeTraining& options);

}  // namespace gradus
