// SPDX-License-Identifier: Apache-2.0
// The tile tables of the vectorised variants: an instruction set's f32 functions over the
// reference's.
#include "kernels/cpu/pointwise_program.h"

namespace gradus::kernels {
namespace {

#if defined(__x86_64__) || defined(__i386__)

using Fill = void (*)(TileFunction*);
using Tiles = std::array<TileFunction, static_cast<size_t>(Pointwise::count)>;

template <Fill fill>
const Tiles& vector_tiles() {
  static const Tiles tiles = [] {
    Tiles list{};
    fill(list.data());
    return list;
  }();
  return tiles;
}

// div and round: vectorised without a rounding mode or decimals only.
template <Fill fill, Pointwise op>
void plain_or_reference(const void* x, const void* y, const void* z, void* out, int64_t count,
                        const double* parameters) {
  const size_t row = static_cast<size_t>(op);
  const TileFunction function = parameters[0] == 0 ? vector_tiles<fill>()[row]
                                                   : pointwise_reference_table().functions[row][0];
  function(x, y, z, out, count, parameters);
}

template <Fill fill>
const TileTable& vector_table() {
  static const TileTable table = [] {
    TileTable merged = pointwise_reference_table();
    for (size_t row = 0; row < merged.functions.size(); ++row)
      if (const TileFunction function = vector_tiles<fill>()[row])
        merged.functions[row][0] = function;
    merged.functions[static_cast<size_t>(Pointwise::div)][0] =
        plain_or_reference<fill, Pointwise::div>;
    merged.functions[static_cast<size_t>(Pointwise::round)][0] =
        plain_or_reference<fill, Pointwise::round>;
    return merged;
  }();
  return table;
}

#endif

}  // namespace

#if defined(__x86_64__) || defined(__i386__)

void pointwise_cpu_avx2(const PointwiseArgs& args) {
  run_pointwise(args, vector_table<pointwise_tiles_avx2>());
}

void pointwise_cpu_avx512(const PointwiseArgs& args) {
  run_pointwise(args, vector_table<pointwise_tiles_avx512>());
}

#endif

}  // namespace gradus::kernels
