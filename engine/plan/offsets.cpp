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

}  // namespace

int64_t assign_offsets(std::vector<PlannedBuffer>& buffers) {
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto life = [&](size_t i) { return buffers[i].end - buffers[i].begin; };
  // Three orders; the smallest arena wins.
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
  size_t best = 0;
  int64_t best_top = INT64_MAX;
  for (size_t k = 0; k < orders.size(); ++k) {
    const int64_t top = place(buffers, orders[k]);
    if (top < best_top) {
      best_top = top;
      best = k;
    }
  }
  return buffers.empty() ? 0 : place(buffers, orders[best]);
}

}  // namespace gradus
