// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer/merging.h"

#include <algorithm>
#include <queue>

namespace gradus {
namespace {

// Up to so many, looking at every pair again for each merge costs less than a heap.
constexpr size_t few = 24;

void merge_few(const PairTable& merges, std::vector<int32_t>& ids, size_t first) {
  PairTable::Merge found[few];  // of each with its right neighbour
  size_t count = ids.size() - first;
  int32_t* id = ids.data() + first;
  for (size_t i = 0; i + 1 < count; ++i) found[i] = merges.find(id[i], id[i + 1]);
  while (count > 1) {
    size_t best = count;
    for (size_t i = 0; i + 1 < count; ++i)
      if (found[i].rank >= 0 && (best == count || found[i].rank < found[best].rank)) best = i;
    if (best == count) break;
    id[best] = found[best].token;
    std::copy(id + best + 2, id + count, id + best + 1);
    if (best + 2 < count) std::copy(found + best + 2, found + count - 1, found + best + 1);
    --count;
    if (best > 0) found[best - 1] = merges.find(id[best - 1], id[best]);
    if (best + 1 < count) found[best] = merges.find(id[best], id[best + 1]);
  }
  ids.resize(first + count);
}

// A list linked both ways, and the merges that were possible when they were found.
class LongMerge {
 public:
  LongMerge(const PairTable& merges, const std::vector<int32_t>& ids, size_t first)
      : merges_(merges), places_(ids.size() - first) {
    for (size_t i = 0; i < places_.size(); ++i)
      places_[i] = {ids[first + i], static_cast<int64_t>(i) - 1, static_cast<int64_t>(i) + 1};
    for (size_t i = 0; i < places_.size(); ++i) offer(static_cast<int64_t>(i));
  }

  void run() {
    while (!offers_.empty()) {
      const Offer offer = offers_.top();
      offers_.pop();
      Place& left = places_[static_cast<size_t>(offer.at)];
      const bool stands =
          left.id == offer.left && is_there(left.next) && place(left.next).id == offer.right;
      if (stands) merge(offer);
    }
  }

  void write(std::vector<int32_t>& ids, size_t first) const {
    ids.resize(first);
    for (int64_t at = 0; is_there(at); at = places_[static_cast<size_t>(at)].next)
      ids.push_back(places_[static_cast<size_t>(at)].id);
  }

 private:
  struct Place {
    int32_t id;  // -1: merged into one before
    int64_t previous, next;
  };
  struct Offer {
    int32_t rank, token, left, right;
    int64_t at;
    bool operator<(const Offer& other) const {
      return rank != other.rank ? rank > other.rank : at > other.at;
    }
  };

  bool is_there(int64_t at) const { return at < static_cast<int64_t>(places_.size()); }
  Place& place(int64_t at) { return places_[static_cast<size_t>(at)]; }

  void offer(int64_t at) {
    if (!is_there(place(at).next)) return;
    const int32_t left = place(at).id, right = place(place(at).next).id;
    const PairTable::Merge merge = merges_.find(left, right);
    if (merge.rank >= 0) offers_.push({merge.rank, merge.token, left, right, at});
  }

  void merge(const Offer& what) {
    Place& left = place(what.at);
    Place& right = place(left.next);
    left.id = what.token;
    left.next = right.next;
    right.id = -1;
    if (is_there(left.next)) place(left.next).previous = what.at;
    if (left.previous >= 0) offer(left.previous);
    offer(what.at);
  }

  const PairTable& merges_;
  std::vector<Place> places_;
  std::priority_queue<Offer> offers_;
};

}  // namespace

void merge_pairs(const PairTable& merges, std::vector<int32_t>& ids, size_t first) {
  if (ids.size() - first <= few) return merge_few(merges, ids, first);
  LongMerge merge(merges, ids, first);
  merge.run();
  merge.write(ids, first);
}

}  // namespace gradus
