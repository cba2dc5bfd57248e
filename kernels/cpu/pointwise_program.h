// SPDX-License-Identifier: Apache-2.0
// Evaluates an elementwise program over tiles, given a table of tile functions. Shared by the
// reference and the vectorised variant.
#pragma once

#include "kernels/elementwise.h"

namespace gradus::kernels {

// out[i] = f(x[i], y[i], z[i]) for i in [0, count), all of one compute type; out may be x, y or z.
using TileFunction = void (*)(const void* x, const void* y, const void* z, void* out, int64_t count,
                              const double* parameters);

// One function per Pointwise and compute type (f32, f64, i64); null where the op does not take the
// type.
struct TileTable {
  std::array<std::array<TileFunction, 3>, static_cast<size_t>(Pointwise::count)> functions{};
};

void run_pointwise(const PointwiseArgs& args, const TileTable& table);

const TileTable& pointwise_reference_table();

// Write the f32 functions for one instruction set to tiles[op]; null where there is none.
void pointwise_tiles_avx2(TileFunction* tiles);
void pointwise_tiles_avx512(TileFunction* tiles);

}  // namespace gradus::kernels
