// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer/bpe_training.h"

#include <algorithm>
#include <unordered_map>

#include "data/tokenizer/code_points.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

using Pair = std::pair<int32_t, int32_t>;

struct PairHash {
  size_t operator()(const Pair& pair) const {
    const uint64_t key =
        static_cast<uint64_t>(pair.first) << 32 | static_cast<uint32_t>(pair.second);
    return static_cast<size_t>(key * 0x9E3779B97F4A7C15u >> 16);
  }
};
template <class T>
using PairMap = std::unordered_map<Pair, T, PairHash>;

struct Word {
  std::vector<int32_t> tokens;
  int64_t count;
};

// A pair that may merge, with the words in which it was met; there may be several of a pair, each
// with the words that were met later than those of the one before.
struct Candidate {
  int64_t count;  // when it was made
  Pair pair;
  int64_t number;  // of the candidate, in the order in which they were made
  std::vector<int32_t> words;

  // Of a heap: what is smaller goes later.
  bool operator<(const Candidate& other) const {
    if (count != other.count) return count < other.count;
    return pair != other.pair ? pair > other.pair : number > other.number;
  }
};

class BpeTrainer {
 public:
  BpeTrainer(const TextMap<int64_t>& words, const BpeTraining& options) : options_(options) {
    for (const std::string& token : options.special) (void)id_of(token);
    add_alphabet(words);
    take_words(words);
    GRADUS_CHECK(static_cast<int64_t>(tokens_.size()) <= options.vocabulary,
                 "[tokenizer] vocabulary, expected room for {} special tokens and characters, got "
                 "{}",
                 tokens_.size(), options.vocabulary);
  }

  TrainedBpe run() {
    count_all();
    while (static_cast<int64_t>(tokens_.size()) < options_.vocabulary && !heap_.empty())
      if (!merge_best()) break;
    TrainedBpe trained;
    for (size_t id = 0; id < tokens_.size(); ++id)
      trained.vocabulary.emplace_back(tokens_[id], static_cast<int32_t>(id));
    trained.merges = std::move(merges_);
    return trained;
  }

 private:
  int32_t id_of(const std::string& token) {
    const auto [place, is_first] = ids_.emplace(token, static_cast<int32_t>(tokens_.size()));
    if (is_first) tokens_.push_back(token);
    return place->second;
  }

  void add_alphabet(const TextMap<int64_t>& words) {
    std::set<char32_t> alphabet = options_.alphabet;
    for (const auto& [word, count] : words)
      for (size_t at = 0; at < word.size();) alphabet.insert(next_code_point(word, at));
    for (const char32_t code : alphabet) {
      std::string token;
      append_utf8(token, code);
      (void)id_of(token);
    }
  }

  // In the order of their bytes, so that ids depend on nothing else.
  void take_words(const TextMap<int64_t>& words) {
    std::vector<const std::pair<const std::string, int64_t>*> sorted;
    for (const auto& entry : words) sorted.push_back(&entry);
    std::ranges::sort(sorted, {}, [](const auto* entry) { return std::string_view(entry->first); });
    for (const auto* entry : sorted) {
      Word word{{}, entry->second};
      for (size_t at = 0; at < entry->first.size();) {
        std::string token = at > 0 ? options_.prefix : "";
        append_utf8(token, next_code_point(entry->first, at));
        word.tokens.push_back(id_of(token));
      }
      words_.push_back(std::move(word));
    }
  }

  void meet(const Pair& pair, int64_t count, int32_t word) {
    counts_[pair] += count;
    if (count <= 0) return;
    std::vector<int32_t>& where = met_[pair];
    if (where.empty() || where.back() != word) where.push_back(word);
  }

  void count_all() {
    for (size_t w = 0; w < words_.size(); ++w)
      for (size_t i = 0; i + 1 < words_[w].tokens.size(); ++i)
        meet({words_[w].tokens[i], words_[w].tokens[i + 1]}, words_[w].count,
             static_cast<int32_t>(w));
    make_candidates();
  }

  void make_candidates() {
    for (auto& [pair, where] : met_)
      if (const int64_t count = counts_[pair]; count > 0)
        push({count, pair, ++candidates_, std::move(where)});
    met_.clear();
  }

  void push(Candidate candidate) {
    heap_.push_back(std::move(candidate));
    std::push_heap(heap_.begin(), heap_.end());
  }

  // False where no pair is frequent enough.
  bool merge_best() {
    std::pop_heap(heap_.begin(), heap_.end());
    Candidate best = std::move(heap_.back());
    heap_.pop_back();
    if (const int64_t count = counts_[best.pair]; count != best.count) {
      best.count = count;
      push(std::move(best));
      return true;
    }
    if (best.count < 1 || best.count < options_.least_count) return false;
    const int32_t token = merged_token(best.pair);
    for (const int32_t word : best.words) merge_in(word, best.pair, token);
    make_candidates();
    return true;
  }

  int32_t merged_token(const Pair& pair) {
    const std::string left = tokens_[static_cast<size_t>(pair.first)];
    const std::string right = tokens_[static_cast<size_t>(pair.second)];
    merges_.emplace_back(left, right);
    const size_t cut = right.starts_with(options_.prefix) ? options_.prefix.size() : 0;
    return id_of(left + right.substr(cut));
  }

  void merge_in(int32_t number, const Pair& pair, int32_t token) {
    Word& word = words_[static_cast<size_t>(number)];
    std::vector<int32_t>& tokens = word.tokens;
    for (size_t i = 0; i + 1 < tokens.size(); ++i) {
      if (tokens[i] != pair.first || tokens[i + 1] != pair.second) continue;
      if (i > 0) {
        meet({tokens[i - 1], pair.first}, -word.count, number);
        meet({tokens[i - 1], token}, word.count, number);
      }
      tokens[i] = token;
      tokens.erase(tokens.begin() + static_cast<int64_t>(i) + 1);
      if (i + 1 < tokens.size()) {
        meet({pair.second, tokens[i + 1]}, -word.count, number);
        meet({token, tokens[i + 1]}, word.count, number);
      }
    }
  }

  const BpeTraining& options_;
  TextMap<int32_t> ids_;
  std::vector<std::string> tokens_;
  std::vector<Word> words_;
  Merges merges_;
  PairMap<int64_t> counts_;
  PairMap<std::vector<int32_t>> met_;  // since the last candidates were made
  std::vector<Candidate> heap_;
  int64_t candidates_ = 0;
};

}  // namespace

TrainedBpe train_bpe(const TextMap<int64_t>& words, const BpeTraining& options) {
  return BpeTrainer(words, options).run();
}

}  // namespace gradus
