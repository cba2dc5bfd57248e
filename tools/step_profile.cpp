// SPDX-License-Identifier: Apache-2.0
#include "tools/step_profile.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/op/registry.h"

namespace gradus {
namespace {

std::vector<TensorSpec> input_specs(const Graph& graph, const Node& node) {
  std::vector<TensorSpec> in;
  for (const ValueRef& input : node.inputs)
    in.push_back(input.present() ? graph.spec(input) : TensorSpec::absent());
  return in;
}

std::string row_name(const Node& node, std::string_view variant, std::span<const TensorSpec> in,
                     bool by_shape) {
  std::string name = fmt::format("{} [{}]", node.op->name, variant);
  if (by_shape)
    name += fmt::format(" {} -> {}", in.empty() ? "()" : to_string(in[0].shape),
                        to_string(node.outputs[0].shape));
  return name;
}

// "-" where nothing was counted.
std::string rate(double amount, double seconds) {
  return amount > 0 && seconds > 0 ? fmt::format("{:.1f}", amount / seconds / 1e9) : "-";
}

}  // namespace

StepProfile::StepProfile(const Executable& program, bool by_shape) {
  const Graph& graph = program.graph();
  const std::vector<std::string_view> variants = program.variants();
  const std::vector<int> nodes = program.step_nodes();
  std::map<std::string, size_t> known;
  for (size_t step = 0; step < nodes.size(); ++step) {
    const Node& node = graph.node(nodes[step]);
    const std::vector<TensorSpec> in = input_specs(graph, node);
    const std::string name = row_name(node, variants[step], in, by_shape);
    const auto [found, is_new] = known.emplace(name, rows_.size());
    if (is_new) rows_.push_back({.name = name});
    row_of_.push_back(found->second);
    ProfileRow& row = rows_[found->second];
    ++row.calls;
    if (node.op->cost == nullptr) continue;
    const Cost cost = node.op->cost({in, node.outputs, node.attrs, cpu_device().info()});
    row.flops += cost.flops;
    row.bytes += cost.bytes;
  }
  seconds_.assign(rows_.size(), 0);
  total_ = best_ = seconds_;
}

void StepProfile::run_begins() {
  std::ranges::fill(seconds_, 0);
  last_ = Clock::now();
}

void StepProfile::step_ended(size_t step) {
  const Clock::time_point now = Clock::now();
  seconds_[row_of_[step]] += std::chrono::duration<double>(now - last_).count();
  last_ = now;
  if (step + 1 < row_of_.size()) return;
  for (size_t i = 0; i < seconds_.size(); ++i) {
    total_[i] += seconds_[i];
    best_[i] = runs_ == 0 ? seconds_[i] : std::min(best_[i], seconds_[i]);
  }
  ++runs_;
}

std::vector<ProfileRow> StepProfile::rows() const {
  if (runs_ == 0) return {};
  std::vector<ProfileRow> rows = rows_;
  double total = 0;
  for (double seconds : total_) total += seconds;
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i].seconds = total_[i] / static_cast<double>(runs_);
    rows[i].best_seconds = best_[i];
    rows[i].share = total > 0 ? total_[i] / total : 0;
  }
  std::ranges::stable_sort(rows, std::ranges::greater{}, &ProfileRow::seconds);
  return rows;
}

std::vector<ProfileRow> added_rows(const std::vector<ProfileRow>& each, int64_t times,
                                   std::vector<ProfileRow> last) {
  const auto factor = static_cast<double>(times);
  for (const ProfileRow& row : each) {
    auto found = std::ranges::find(last, row.name, &ProfileRow::name);
    if (found == last.end()) found = last.insert(last.end(), {.name = row.name});
    found->calls += times * row.calls;
    found->seconds += factor * row.seconds;
    found->best_seconds += factor * row.best_seconds;
    found->flops += factor * row.flops;
    found->bytes += factor * row.bytes;
  }
  double total = 0;
  for (const ProfileRow& row : last) total += row.seconds;
  for (ProfileRow& row : last) row.share = total > 0 ? row.seconds / total : 0;
  std::ranges::stable_sort(last, std::ranges::greater{}, &ProfileRow::seconds);
  return last;
}

nlohmann::ordered_json to_json(const std::vector<ProfileRow>& rows) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const ProfileRow& row : rows)
    list.push_back({{"op", row.name},
                    {"calls", row.calls},
                    {"ms", row.seconds * 1e3},
                    {"ms_best", row.best_seconds * 1e3},
                    {"share", row.share},
                    {"flops", row.flops},
                    {"bytes", row.bytes}});
  return list;
}

std::string to_table(const std::vector<ProfileRow>& rows) {
  std::string text = fmt::format("{:>9} {:>9} {:>7} {:>6} {:>8} {:>8}  op\n", "mean ms", "best ms",
                                 "share", "calls", "GFLOP/s", "GB/s");
  ProfileRow sum;
  for (const ProfileRow& row : rows) {
    text +=
        fmt::format("{:9.3f} {:9.3f} {:6.1f}% {:6} {:>8} {:>8}  {}\n", row.seconds * 1e3,
                    row.best_seconds * 1e3, row.share * 100, row.calls,
                    rate(row.flops, row.best_seconds), rate(row.bytes, row.best_seconds), row.name);
    sum.seconds += row.seconds;
    sum.best_seconds += row.best_seconds;
    sum.calls += row.calls;
  }
  return text + fmt::format("{:9.3f} {:9.3f} {:>7} {:6} {:>17}  all\n", sum.seconds * 1e3,
                            sum.best_seconds * 1e3, "", sum.calls, "");
}

}  // namespace gradus
