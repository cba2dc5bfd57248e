// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>

#include "data/dataset.h"
#include "training/precision.h"
#include "training/program.h"
#include "training/report.h"
#include "training/score.h"

namespace gradus {

// A model's evaluation graph on one data set.
class Evaluation {
 public:
  // `states` and `arena` outlive it. `detailed`: runs are reported too, which takes time and
  // memory.
  Evaluation(const Model& model, std::shared_ptr<const Dataset> data, int64_t batch,
             Precision precision, ParameterTable& parameters, StateStore& states, Arena& arena,
             bool detailed = false);

  // What goes through the model at a time.
  static BatchSpec spec_of(const Dataset& data, int64_t batch);

  // Over every sample once; none if `stopped`, asked before each batch, becomes true.
  std::optional<Score> run(const std::function<bool()>& stopped = {});
  // Of a run that gave `score`. Only where `detailed`.
  Report report(const Score& score) const { return reports_->report(score); }
  bool detailed() const { return reports_.has_value(); }

 private:
  std::shared_ptr<const Dataset> data_;
  BatchSpec spec_;
  HostBatch host_;
  ScoreSums sums_;
  std::vector<int64_t> indices_;
  Executable program_;
  std::optional<ReportBuilder> reports_;
};

}  // namespace gradus
