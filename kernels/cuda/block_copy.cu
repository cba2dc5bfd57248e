// SPDX-License-Identifier: Apache-2.0
// Runs of bytes between pitches: a thread copies a piece of up to 16 bytes. Not measured on
// hardware.
#include "kernels/block_copy.h"

#include "kernels/common/division.h"
#include "kernels/common/launch.h"
#include "kernels/common/vector.h"

namespace gradus::kernels {
namespace {

constexpr int threads = 256;

template <int Bytes>
__global__ void __launch_bounds__(threads)
    block_copy(const BlockCopyArgs copy, const int64_t pieces, const int64_t total) {
  const int64_t item = int64_t{blockIdx.x} * threads + threadIdx.x;
  if (item >= total) return;
  const Quotient at = quotient_of(item, pieces);
  const auto* from = static_cast<const uint8_t*>(copy.x) + at.whole * copy.x_pitch;
  auto* to = static_cast<uint8_t*>(copy.out) + at.whole * copy.out_pitch;
  store_vector(to + at.rest * Bytes, load_vector<Bytes>(from + at.rest * Bytes));
}

template <int Bytes>
bool fits(const BlockCopyArgs& c) {
  const auto whole = [](int64_t number) { return number % Bytes == 0; };
  return whole(c.row_bytes) && whole(c.x_pitch) && whole(c.out_pitch) &&
         reinterpret_cast<uintptr_t>(c.x) % Bytes == 0 &&
         reinterpret_cast<uintptr_t>(c.out) % Bytes == 0;
}

template <int Bytes>
void launch_pieces(const BlockCopyArgs& args, StreamHandle stream) {
  const int64_t pieces = args.row_bytes / Bytes, total = args.rows * pieces;
  const int64_t blocks = (total + threads - 1) / threads;
  GRADUS_CHECK(blocks <= 0x7fffffff, "[copy] {} bytes are more than one launch can take",
               total * Bytes);
  launch(block_copy<Bytes>,
         {.grid = {static_cast<unsigned>(blocks)}, .block = {threads}, .stream = stream}, args,
         pieces, total);
}

}  // namespace

void block_copy_cuda(const BlockCopyArgs& args, StreamHandle stream) {
  if (args.rows == 0 || args.row_bytes == 0) return;
  if (fits<16>(args)) return launch_pieces<16>(args, stream);
  if (fits<8>(args)) return launch_pieces<8>(args, stream);
  if (fits<4>(args)) return launch_pieces<4>(args, stream);
  if (fits<2>(args)) return launch_pieces<2>(args, stream);
  launch_pieces<1>(args, stream);
}

}  // namespace gradus::kernels
