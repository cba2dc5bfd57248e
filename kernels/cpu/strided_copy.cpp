// SPDX-License-Identifier: Apache-2.0
#include "kernels/strided_copy.h"

#include "engine/base/error.h"
#include "engine/base/parallel.h"

namespace gradus::kernels {
namespace {

constexpr int64_t grain = 1 << 13;

// Copies output elements [begin, end), walking the index like an odometer whose last dim runs in a
// plain loop.
template <class T>
void copy_range(const StridedCopyArgs& args, int64_t begin, int64_t end) {
  const T* x = static_cast<const T*>(args.x) + args.offset;
  T* out = static_cast<T*>(args.out);
  const int rank = args.shape.rank();
  if (rank == 0) {
    out[0] = x[0];
    return;
  }
  std::array<int64_t, Shape::max_rank> index{};
  int64_t rest = begin, at = 0;
  for (int d = rank - 1; d >= 0; --d) {
    const size_t k = static_cast<size_t>(d);
    index[k] = rest % args.shape[d];
    rest /= args.shape[d];
    at += index[k] * args.strides[k];
  }
  const size_t inner = static_cast<size_t>(rank - 1);
  const int64_t size = args.shape[rank - 1], stride = args.strides[inner];
  for (int64_t done = begin; done < end;) {
    const int64_t run = std::min(end - done, size - index[inner]);
    for (int64_t i = 0; i < run; ++i) out[done + i] = x[at + i * stride];
    done += run;
    at += run * stride;
    index[inner] += run;
    for (size_t d = inner; d > 0 && index[d] == args.shape[static_cast<int>(d)]; --d) {
      at += args.strides[d - 1] - args.shape[static_cast<int>(d)] * args.strides[d];
      index[d] = 0;
      ++index[d - 1];
    }
  }
}

}  // namespace

void strided_copy_cpu(const StridedCopyArgs& args) {
  parallel_range(args.shape.numel(), grain, [&](int64_t begin, int64_t end) {
    switch (args.element_bytes) {
      case 1:
        return copy_range<uint8_t>(args, begin, end);
      case 2:
        return copy_range<uint16_t>(args, begin, end);
      case 4:
        return copy_range<uint32_t>(args, begin, end);
      case 8:
        return copy_range<uint64_t>(args, begin, end);
      default:
        GRADUS_ASSERT(false, "elements of {} bytes", args.element_bytes);
    }
  });
}

}  // namespace gradus::kernels
