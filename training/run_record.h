// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace gradus {

struct StepRecord {
  int64_t step = 0;
  double loss = 0;
  double lr = 0;
};

struct EvaluationRecord {
  int64_t step = 0;
  std::string split;
  std::map<std::string, double> metrics;  // by name: "loss", "accuracy"
};

// What a run folder tells about its run.
struct RunRecord {
  std::string path;
  bool finished = false;
  std::vector<StepRecord> steps;
  std::vector<EvaluationRecord> evaluations;

  // The last evaluation of a split; null where there is none.
  const EvaluationRecord* last(std::string_view split) const;
};

// Reads metrics.jsonl; a torn last line (of a run that is being written, or was killed) is left
// out. Throws not_found where `path` is no run folder, bad_data beginning with FILE:LINE for a line
// that is not a record.
RunRecord read_run(const std::string& path);

// The folders below `root` that are runs, sorted by name. Throws not_found where `root` is none.
std::vector<std::string> find_runs(const std::string& root);

}  // namespace gradus
