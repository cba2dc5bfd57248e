// SPDX-License-Identifier: Apache-2.0
// One element everywhere, 16 bytes by each thread. Not measured on hardware.
#include "kernels/fill.h"

#include "kernels/common/launch.h"
#include "kernels/common/vector.h"

namespace gradus::kernels {
namespace {

constexpr int threads = 256;

template <class T, int V>
__global__ void __launch_bounds__(threads) fill(T* out, T value, int64_t n) {
  const int64_t at = (int64_t{blockIdx.x} * threads + threadIdx.x) * V;
  if (at + V <= n) {
    Vector<T, V> values;
#pragma unroll
    for (int j = 0; j < V; ++j) values.at[j] = value;
    store_vector(out + at, values);
  } else {
    for (int64_t i = at; i < n; ++i) out[i] = value;
  }
}

template <class T>
void launch_fill(const FillArgs& args, StreamHandle stream) {
  const bool vectors = vectors_fit<T>(args.out, 0);
  const int64_t per_block = int64_t{threads} * (vectors ? widest<T> : 1);
  const int64_t blocks = (args.n + per_block - 1) / per_block;
  GRADUS_CHECK(blocks <= 0x7fffffff, "[full] {} elements are more than one launch can take",
               args.n);
  launch(vectors ? fill<T, widest<T>> : fill<T, 1>,
         {.grid = {static_cast<unsigned>(blocks)}, .block = {threads}, .stream = stream},
         static_cast<T*>(args.out), static_cast<T>(args.bits), args.n);
}

}  // namespace

void fill_cuda(const FillArgs& args, StreamHandle stream) {
  if (args.n == 0) return;
  switch (args.element_bytes) {
    case 1:
      return launch_fill<uint8_t>(args, stream);
    case 2:
      return launch_fill<uint16_t>(args, stream);
    case 4:
      return launch_fill<uint32_t>(args, stream);
    default:
      return launch_fill<uint64_t>(args, stream);
  }
}

}  // namespace gradus::kernels
