// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace gradus {

// What this machine reaches now, with thread_count() threads: the ceilings that `gradus op bench`
// compares with. Shared machines move, so measure in the run that uses the figures.
struct MachinePeak {
  double gflops = 0;           // f32 fused multiply-adds on registers, 2 flops each
  double gigabytes_per_s = 0;  // copy of arrays far larger than the caches, read + written bytes
};

// Takes about 0.3 s.
MachinePeak measure_machine_peak();

}  // namespace gradus
