// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/plan.h"

namespace gradus {

std::vector<size_t> buffers_at_peak(const Plan& plan) {
  std::vector<int64_t> change(plan.order.size() + 2, 0);
  for (const PlannedBuffer& buffer : plan.buffers) {
    change[static_cast<size_t>(buffer.begin)] += buffer.bytes;
    change[static_cast<size_t>(buffer.end) + 1] -= buffer.bytes;
  }
  int64_t alive = 0, most = 0;
  int peak = 0;
  for (size_t step = 0; step < change.size(); ++step) {
    alive += change[step];
    if (alive <= most) continue;
    most = alive;
    peak = static_cast<int>(step);
  }
  std::vector<size_t> indices;
  for (size_t i = 0; i < plan.buffers.size(); ++i)
    if (plan.buffers[i].begin <= peak && plan.buffers[i].end >= peak) indices.push_back(i);
  return indices;
}

}  // namespace gradus
