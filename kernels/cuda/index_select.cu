// SPDX-License-Identifier: Apache-2.0
// Rows that indices name: a thread copies a piece of up to 16 bytes. Not measured on hardware.
#include "kernels/index_select.h"

#include "kernels/common/division.h"
#include "kernels/common/launch.h"
#include "kernels/common/vector.h"

namespace gradus::kernels {
namespace {

constexpr int threads = 256;

struct Rows {
  const void* x;
  void* out;
  IndexArray index;
  int64_t dim, count, pieces;  // pieces of a row
  int64_t total;               // of the output
};

DEV int64_t index_at(const IndexArray& index, int64_t i) {
  return index.wide ? static_cast<const int64_t*>(index.data)[i]
                    : static_cast<const int32_t*>(index.data)[i];
}

template <int Bytes>
__global__ void __launch_bounds__(threads) index_select(const Rows rows) {
  using Piece = Vector<uint8_t, Bytes>;
  const int64_t item = int64_t{blockIdx.x} * threads + threadIdx.x;
  if (item >= rows.total) return;
  const Quotient place = quotient_of(item, rows.pieces);
  const Quotient row = quotient_of(place.whole, rows.count);
  const int64_t index = index_at(rows.index, row.rest);
  Piece piece;
  if (index >= 0 && index < rows.dim) {
    const int64_t from = (row.whole * rows.dim + index) * rows.pieces + place.rest;
    piece = load_vector<Bytes>(static_cast<const uint8_t*>(rows.x) + from * Bytes);
  } else {
#pragma unroll
    for (int j = 0; j < Bytes; ++j) piece.at[j] = 0xff;
  }
  store_vector(static_cast<uint8_t*>(rows.out) + item * Bytes, piece);
}

template <int Bytes>
bool fits(const IndexSelectArgs& a) {
  return a.inner_bytes % Bytes == 0 && reinterpret_cast<uintptr_t>(a.x) % Bytes == 0 &&
         reinterpret_cast<uintptr_t>(a.out) % Bytes == 0;
}

template <int Bytes>
void launch_pieces(const IndexSelectArgs& a, StreamHandle stream) {
  const int64_t pieces = a.inner_bytes / Bytes, total = a.outer * a.count * pieces;
  const int64_t blocks = (total + threads - 1) / threads;
  GRADUS_CHECK(blocks <= 0x7fffffff, "[{}] {} bytes are more than one launch can take", a.op,
               total * Bytes);
  launch(index_select<Bytes>,
         {.grid = {static_cast<unsigned>(blocks)}, .block = {threads}, .stream = stream},
         Rows{a.x, a.out, a.index, a.dim, a.count, pieces, total});
}

}  // namespace

void index_select_cuda(const IndexSelectArgs& args, StreamHandle stream) {
  if (args.outer == 0 || args.count == 0 || args.inner_bytes == 0) return;
  if (fits<16>(args)) return launch_pieces<16>(args, stream);
  if (fits<8>(args)) return launch_pieces<8>(args, stream);
  if (fits<4>(args)) return launch_pieces<4>(args, stream);
  if (fits<2>(args)) return launch_pieces<2>(args, stream);
  launch_pieces<1>(args, stream);
}

}  // namespace gradus::kernels
