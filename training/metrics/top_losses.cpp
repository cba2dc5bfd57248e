// SPDX-License-Identifier: Apache-2.0
#include "training/metrics/top_losses.h"

#include <algorithm>

namespace gradus {
namespace {

bool is_worse(const TopLosses::Sample& a, const TopLosses::Sample& b) {
  return a.loss != b.loss ? a.loss > b.loss : a.index < b.index;
}

}  // namespace

void TopLosses::add(const Sample& sample) {
  if (heap_.size() == most) {
    if (!is_worse(sample, heap_.front())) return;
    std::ranges::pop_heap(heap_, is_worse);
    heap_.pop_back();
  }
  heap_.push_back(sample);
  std::ranges::push_heap(heap_, is_worse);
}

std::vector<TopLosses::Sample> TopLosses::sorted() const {
  std::vector<Sample> samples = heap_;
  std::ranges::sort(samples, is_worse);
  return samples;
}

}  // namespace gradus
