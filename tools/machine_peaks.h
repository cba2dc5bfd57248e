// SPDX-License-Identifier: Apache-2.0
// What this machine reaches at this moment, with the threads in use: the yardsticks of benchmarks.
// Machines change speed from minute to minute, so peaks are measured in the run they belong to.
#pragma once

namespace gradus {

struct MachinePeaks {
  double matmul_flops = 0;  // a second, of the best f32 matmul of 1024 x 1024 x 1024
  double stream_bytes = 0;  // a second, of a = b + s * c over arrays beyond the caches
};

// Takes about `seconds`.
MachinePeaks measure_peaks(double seconds);

}  // namespace gradus
