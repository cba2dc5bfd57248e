// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "engine/plan/plan.h"

namespace gradus {
namespace {

std::string describe(const PlannedBuffer& buffer, const Plan& plan, const Graph& graph) {
  if (!buffer.first_value.present()) {
    const Node& node = graph.node(plan.order[static_cast<size_t>(buffer.begin)]);
    return fmt::format("workspace of {}", node.name);
  }
  const Node& node = graph.node(buffer.first_value.node);
  return fmt::format("{} {}", node.name, to_string(graph.spec(buffer.first_value)));
}

double mebibytes(int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

}  // namespace

std::string to_table(const Plan& plan, const Graph& graph) {
  std::vector<size_t> order(plan.buffers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::greater<>(),
                           [&](size_t i) { return plan.buffers[i].bytes; });
  std::string text = fmt::format("{:>12} {:>12} {:>13}  {}\n", "bytes", "offset", "steps", "value");
  for (size_t i : order) {
    const PlannedBuffer& buffer = plan.buffers[i];
    text += fmt::format("{:>12} {:>12} {:>6}-{:<6}  {}\n", buffer.bytes, buffer.offset,
                        buffer.begin, buffer.end, describe(buffer, plan, graph));
  }
  return text + fmt::format(
                    "sum {:.1f} MiB -> arena {:.1f} MiB ({} buffers; at least {:.1f} MiB are alive "
                    "at once)\n",
                    mebibytes(plan.total_bytes), mebibytes(plan.arena_bytes), plan.buffers.size(),
                    mebibytes(plan.lower_bound_bytes));
}

}  // namespace gradus
