// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace gradus {

// Flops a second of the shortest of many f32 matmuls of 1024 x 1024 x 1024 with the threads in use:
// what the matmuls of a training step could reach. Takes about `seconds`.
double measure_matmul_peak(double seconds);

}  // namespace gradus
