// SPDX-License-Identifier: Apache-2.0
#include "tools/step_estimate.h"

#include <algorithm>

#include "tools/machine_peak.h"
#include "tools/matmul_peak.h"

namespace gradus {

StepEstimate estimate_step(const RecipePlan& plan) {
  StepEstimate estimate;
  estimate.flops_per_second = measure_matmul_peak(0.2);
  estimate.bytes_per_second = measure_machine_peak().gigabytes_per_s * 1e9;
  for (const NodeCost& cost : step_costs(plan))
    estimate.seconds +=
        std::max(cost.flops / estimate.flops_per_second, cost.bytes / estimate.bytes_per_second);
  return estimate;
}

}  // namespace gradus
