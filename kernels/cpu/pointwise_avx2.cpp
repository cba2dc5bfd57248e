// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/pointwise_tiles.h"

namespace gradus::kernels {

void pointwise_tiles_avx2(TileFunction* tiles) { fill_tiles(tiles); }

}  // namespace gradus::kernels
