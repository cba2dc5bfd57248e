// SPDX-License-Identifier: Apache-2.0
#include "tools/step_trace.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/op/op.h"

namespace gradus {

StepTrace::StepTrace(const Executable& program, int64_t most_runs)
    : program_(&program), most_runs_(most_runs) {
  events_.reserve(program.step_nodes().size() * static_cast<size_t>(most_runs));
}

void StepTrace::run_begins() {
  last_ = Clock::now();
  if (runs_ == 0) origin_ = last_;
  ++runs_;
}

void StepTrace::step_ended(size_t step) {
  if (runs_ > most_runs_) return;
  const Clock::time_point now = Clock::now();
  const auto seconds = [](Clock::duration d) { return std::chrono::duration<double>(d).count(); };
  events_.push_back({step, seconds(last_ - origin_), seconds(now - last_)});
  last_ = now;
}

std::string StepTrace::to_json() const {
  const std::vector<int> nodes = program_->step_nodes();
  const std::vector<std::string_view> variants = program_->variants();
  nlohmann::ordered_json trace = {{"displayTimeUnit", "ms"}};
  nlohmann::ordered_json& list = trace["traceEvents"] = nlohmann::ordered_json::array();
  for (const Event& event : events_) {
    const Node& node = program_->graph().node(nodes[event.step]);
    nlohmann::ordered_json arguments = {{"node", node.name}, {"kernel", variants[event.step]}};
    for (const ValueRef& input : node.inputs)
      if (input.present()) arguments["inputs"].push_back(to_string(program_->graph().spec(input)));
    arguments["output"] = to_string(node.outputs[0]);
    list.push_back({{"name", node.op->name},
                    {"cat", "op"},
                    {"ph", "X"},
                    {"ts", event.start * 1e6},
                    {"dur", event.seconds * 1e6},
                    {"pid", 1},
                    {"tid", 1},
                    {"args", arguments}});
  }
  return trace.dump() + "\n";
}

}  // namespace gradus
