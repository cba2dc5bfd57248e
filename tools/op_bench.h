// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "engine/op/op.h"
#include "tools/machine_peak.h"

namespace gradus {

// One benchmark sample of an op in f32 on the CPU.
struct OpTiming {
  std::string op;
  std::string sample;   // shapes and attributes
  std::string variant;  // the kernel that ran; "composite" for an op without one
  double median_s = 0, best_s = 0;
  double gflops = 0;           // of OpDef::cost, at the median
  double gigabytes_per_s = 0;  // the least traffic of OpDef::cost, at the median
  double share = 0;            // of the nearer ceiling: arithmetic or memory
};

// Runs each of the op's benchmark samples for about `seconds`, at least 5 times after a first run
// that does not count.
std::vector<OpTiming> bench_op(const OpDef& op, const MachinePeak& peak, double seconds);

}  // namespace gradus
