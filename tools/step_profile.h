// SPDX-License-Identifier: Apache-2.0
// Where the time of a planned program's runs goes, op by op.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/exec/executable.h"

namespace gradus {

// What one run spends on the nodes that share a name.
struct ProfileRow {
  std::string name;
  int64_t calls = 0;
  double seconds = 0;       // mean
  double best_seconds = 0;  // least of the runs: what is left of a disturbed measurement
  double share = 0;         // of the observed time
  double flops = 0;         // 0: no node says (OpDef::cost)
  double bytes = 0;         // that the nodes move at least
};

// Observing a run allocates nothing.
class StepProfile : public RunObserver {
 public:
  // Rows are one for each op and kernel variant; `by_shape`: and for the shapes of the first input
  // and output.
  StepProfile(const Executable& program, bool by_shape);

  void run_begins() override;
  void step_ended(size_t step) override;

  // A mean over the runs observed so far, slowest first. Empty where there were none.
  std::vector<ProfileRow> rows() const;

 private:
  using Clock = std::chrono::steady_clock;

  std::vector<ProfileRow> rows_;  // without times
  std::vector<size_t> row_of_;    // by step
  std::vector<double> seconds_;   // by row, of the run that is going on
  std::vector<double> total_, best_;
  int64_t runs_ = 0;
  Clock::time_point last_;
};

// What a step spends that runs the program of `each` `times` times and then that of `last` once.
std::vector<ProfileRow> added_rows(const std::vector<ProfileRow>& each, int64_t times,
                                   std::vector<ProfileRow> last);

std::string to_table(const std::vector<ProfileRow>& rows);
// An array of objects: op, calls, ms, ms_best, share, flops, bytes.
nlohmann::ordered_json to_json(const std::vector<ProfileRow>& rows);

}  // namespace gradus
