// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "engine/exec/executable.h"

namespace gradus {

// When each node of a planned program ran, for a trace viewer.
class StepTrace : public RunObserver {
 public:
  // Takes in the first `most_runs` runs that it observes.
  StepTrace(const Executable& program, int64_t most_runs);

  void run_begins() override;
  void step_ended(size_t step) override;

  // JSON in the Trace Event Format ("X" events; times in microseconds since the first run), as
  // chrome://tracing and Perfetto open it: one event a node, named by its op, with its path, kernel
  // variant and shapes.
  std::string to_json() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Event {
    size_t step;
    double start, seconds;
  };

  const Executable* program_;
  int64_t most_runs_, runs_ = 0;
  Clock::time_point origin_, last_;
  std::vector<Event> events_;
};

}  // namespace gradus
