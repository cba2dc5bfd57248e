// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include "engine/plan/plan.h"

namespace gradus {
namespace {

// Places buffers one by one, each at the lowest offset that is free over its whole life (best known
// for neural nets when large ones come first: Pisarchyk and Lee, "Efficient memory management for
// deep neural net inference", 2020).
int64_t place(std::vector<PlannedBuffer>& buffers, const std::vector<size_t>& order) {
  std::vector<size_t> placed;  // by offset
  int64_t top = 0;
  for (size_t index : order) {
    PlannedBuffer& buffer = buffers[index];
    int64_t at = 0;
    for (size_t other_index : placed) {
      const PlannedBuffer& other = buffers[other_index];
      if (other.end < buffer.begin || other.begin > buffer.end) continue;
      if (at + buffer.bytes <= other.offset) break;
      at = std::max(at, other.offset + other.bytes);
    }
    buffer.offset = at;
    top = std::max(top, at + buffer.bytes);
    const auto spot =
        std::ranges::upper_bound(placed, at, {}, [&](size_t i) { return buffers[i].offset; });
    placed.insert(spot, index);
  }
  return top;
}

// The most bytes alive in any one step.
int64_t most_alive(const std::vector<PlannedBuffer>& buffers) {
  std::vector<std::pair<int, int64_t>> changes;
  for (const PlannedBuffer& buffer : buffers) {
    changes.emplace_back(buffer.begin, buffer.bytes);
    changes.emplace_back(buffer.end + 1, -buffer.bytes);
  }
  std::ranges::sort(changes);
  int64_t alive = 0, most = 0;
  for (const auto& [step, bytes] : changes) most = std::max(most, alive += bytes);
  return most;
}

// Lets the buffers that reach the top go first, again and again; returns the best order seen.
std::vector<size_t> improve(std::vector<PlannedBuffer>& buffers, std::vector<size_t> order,
                            int64_t top, int64_t bound) {
  constexpr size_t most_rounds = 200, most_work = 100'000'000;
  const size_t rounds = std::min(most_rounds, most_work / (buffers.size() * buffers.size()));
  std::vector<size_t> best = order;
  int64_t best_top = top;
  place(buffers, order);
  for (size_t round = 0; round < rounds && best_top > bound; ++round) {
    const auto reaches = [&](size_t i) { return buffers[i].offset + buffers[i].bytes == top; };
    std::stable_partition(order.begin(), order.end(), reaches);
    top = place(buffers, order);
    if (top < best_top) {
      best_top = top;
      best = order;
    }
  }
  return best;
}

}  // namespace

int64_t assign_offsets(std::vector<PlannedBuffer>& buffers) {
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto life = [&](size_t i) { return buffers[i].end - buffers[i].begin; };
  // Three orders to begin with; the smallest arena wins.
  std::vector<std::vector<size_t>> orders;
  std::ranges::stable_sort(
      order, {}, [&](size_t i) { return std::pair(-buffers[i].bytes, buffers[i].begin); });
  orders.push_back(order);
  std::ranges::stable_sort(order, {},
                           [&](size_t i) { return std::pair(-life(i), -buffers[i].bytes); });
  orders.push_back(order);
  std::ranges::stable_sort(order, {},
                           [&](size_t i) { return std::pair(buffers[i].begin, -life(i)); });
  orders.push_back(order);
  int64_t best_top = INT64_MAX;
  const int64_t bound = most_alive(buffers);
  std::vector<size_t> best;
  for (const std::vector<size_t>& start : orders) {
    if (best_top <= bound || buffers.empty()) break;
    std::vector<size_t> better = improve(buffers, start, place(buffers, start), bound);
    const int64_t top = place(buffers, better);
    if (top >= best_top) continue;
    best_top = top;
    best = std::move(better);
  }
  return place(buffers, best);
}

}  // namespace gradus
