// SPDX-License-Identifier: Apache-2.0
// Rows added to the rows that indices name. The block of an index' first occurrence adds all rows
// of that index, in the order in which they stand, so sums are those of the CPU and no two blocks
// write one row. Every block reads all indices: 8 bytes for each pair of them. Not measured on
// hardware.
#include "kernels/index_add.h"

#include <type_traits>

#include "kernels/common/convert.h"
#include "kernels/common/launch.h"
#include "kernels/common/shared.h"
#include "kernels/fill.h"
#include "kernels/strided_copy.h"

namespace gradus::kernels {
namespace {

constexpr int threads = 256;
constexpr int warps = threads / warp_size;

template <class T>
DEV auto wide_number(T value) {
  if constexpr (std::is_integral_v<T> || sizeof(T) > 2)
    return value;
  else
    return widen(value);
}

template <class T>
using Wide = decltype(wide_number(T{}));

template <class T>
struct Addition {
  const T* source;
  T* out;
  IndexArray index;
  int64_t dim, inner, count, skip;
  Wide<T> alpha;

  DEV int64_t index_at(int64_t i) const {
    return index.wide ? static_cast<const int64_t*>(index.data)[i]
                      : static_cast<const int32_t*>(index.data)[i];
  }
};

template <class T>
DEV T stored_number(Wide<T> value) {
  if constexpr (std::is_integral_v<T> || sizeof(T) > 2)
    return value;
  else
    return narrow<T>(value);
}

// Whole numbers wrap around.
template <class W>
DEV W multiply_add(W a, W b, W c) {
  if constexpr (std::is_integral_v<W>)
    return static_cast<W>(static_cast<uint64_t>(a) +
                          static_cast<uint64_t>(b) * static_cast<uint64_t>(c));
  else
    return a + b * c;
}

// Which of indices first .. first + threads - 1 equal `wanted`: a bit each, the same for all
// threads of the block.
template <class T>
DEV void find_equal(const Addition<T>& add, int64_t first, int64_t wanted,
                    uint32_t (&bits)[warps]) {
  SHARED(found, uint32_t[warps]);
  const int64_t i = first + threadIdx.x;
  const uint32_t own = __ballot_sync(full_warp, i < add.count && add.index_at(i) == wanted);
  __syncthreads();  // the last round's bits have been read
  if (threadIdx.x % warp_size == 0) found[threadIdx.x / warp_size] = own;
  __syncthreads();
#pragma unroll
  for (int w = 0; w < warps; ++w) bits[w] = found[w];
}

template <class T>
__global__ void __launch_bounds__(threads) index_add(const Addition<T> add) {
  const int64_t j = blockIdx.x;
  const int64_t wanted = add.index_at(j);
  if (wanted < 0 || wanted >= add.dim || wanted == add.skip) return;
  uint32_t bits[warps];
  const int64_t own_round = j / threads * threads;
  for (int64_t first = 0; first <= own_round; first += threads) {
    find_equal(add, first, wanted, bits);
#pragma unroll
    for (int w = 0; w < warps; ++w) {
      const int64_t before = j - (first + w * warp_size);  // of these 32, so many stand before j
      const uint32_t mask = before >= warp_size ? 0xffffffffu
                            : before > 0        ? (1u << before) - 1u
                                                : 0u;
      if ((bits[w] & mask) != 0) return;
    }
  }
  const int64_t column = int64_t{blockIdx.y} * threads + threadIdx.x;
  const bool exists = column < add.inner;
  const int64_t o = blockIdx.z;
  T* const to = add.out + (o * add.dim + wanted) * add.inner + column;
  Wide<T> sum = exists ? wide_number(*to) : Wide<T>(0);
  for (int64_t first = own_round; first < add.count; first += threads) {
    find_equal(add, first, wanted, bits);
#pragma unroll
    for (int w = 0; w < warps; ++w) {
      for (uint32_t left = bits[w]; left != 0; left &= left - 1) {
        const int64_t row = first + w * warp_size + __ffs(static_cast<int>(left)) - 1;
        if (exists)
          sum = multiply_add(sum, add.alpha,
                             wide_number(add.source[(o * add.count + row) * add.inner + column]));
      }
    }
  }
  if (exists) *to = stored_number<T>(sum);
}

// out = x, or zeros; whole elements as they are.
void start(const IndexAddArgs& a, StreamHandle stream) {
  const int64_t n = a.outer * a.dim * a.inner;
  if (n == 0 || a.x == a.out) return;
  const int64_t bytes = dtype_bits(a.dtype) / 8;
  if (a.x == nullptr) return fill_cuda({bytes, 0, a.out, n}, stream);
  strided_copy_cuda({bytes, a.x, a.out, Shape{n}, {1}, 0}, stream);
}

template <class T>
void launch_typed(const IndexAddArgs& a, StreamHandle stream) {
  using Given = std::conditional_t<std::is_integral_v<T>, int64_t, double>;
  const Addition<T> add{static_cast<const T*>(a.source),
                        static_cast<T*>(a.out),
                        a.index,
                        a.dim,
                        a.inner,
                        a.count,
                        a.skip,
                        static_cast<Wide<T>>(static_cast<Given>(a.alpha))};
  const int64_t columns = (a.inner + threads - 1) / threads;
  constexpr int64_t most_in_y_or_z = 65535;
  GRADUS_CHECK(a.count <= 0x7fffffff && columns <= most_in_y_or_z && a.outer <= most_in_y_or_z,
               "[{}] {} rows of {} elements in {} parts are more than one launch can take", a.op,
               a.count, a.inner, a.outer);
  launch(index_add<T>,
         {.grid = {static_cast<unsigned>(a.count), static_cast<unsigned>(columns),
                   static_cast<unsigned>(a.outer)},
          .block = {threads},
          .stream = stream},
         add);
}

}  // namespace

bool index_add_cuda_takes(DType dtype) {
  return dtype == DType::f64 || dtype == DType::f32 || dtype == DType::f16 ||
         dtype == DType::bf16 || dtype == DType::i64 || dtype == DType::i32;
}

void index_add_cuda(const IndexAddArgs& args, StreamHandle stream) {
  start(args, stream);
  if (args.outer == 0 || args.inner == 0 || args.count == 0) return;
  switch (args.dtype) {
    case DType::f64:
      return launch_typed<double>(args, stream);
    case DType::f32:
      return launch_typed<float>(args, stream);
    case DType::f16:
      return launch_typed<f16>(args, stream);
    case DType::bf16:
      return launch_typed<bf16>(args, stream);
    case DType::i64:
      return launch_typed<int64_t>(args, stream);
    default:
      return launch_typed<int32_t>(args, stream);
  }
}

}  // namespace gradus::kernels
