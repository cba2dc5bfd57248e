// SPDX-License-Identifier: Apache-2.0
// Elements from a strided view into a dense tensor. Stores are always of neighbours; loads are
// where the innermost stride is 1, and 16 bytes wide where rows allow it. Not measured on hardware.
#include "kernels/strided_copy.h"

#include "kernels/common/division.h"
#include "kernels/common/launch.h"
#include "kernels/common/vector.h"

namespace gradus::kernels {
namespace {

constexpr int threads = 256;

// Dims are merged where possible, outermost first; the innermost counts vectors.
struct View {
  int rank;
  int64_t count;
  int64_t sizes[Shape::max_rank], strides[Shape::max_rank];  // strides in elements
};

template <class T, int V>
__global__ void __launch_bounds__(threads)
    strided_copy(const T* x, T* out, const __grid_constant__ View view) {
  const int64_t index = int64_t{blockIdx.x} * threads + threadIdx.x;
  if (index >= view.count) return;
  int64_t rest = index, at = 0;
  for (int d = view.rank - 1; d >= 0; --d) {
    const Quotient q = quotient_of(rest, view.sizes[d]);
    at += q.rest * view.strides[d];
    rest = q.whole;
  }
  store_vector(out + index * V, load_vector<V>(x + at));
}

View view_of(const StridedCopyArgs& args) {
  View view = {};
  view.count = args.shape.numel();
  for (int d = 0; d < args.shape.rank(); ++d) {
    const int64_t size = args.shape[d], stride = args.strides[static_cast<size_t>(d)];
    if (size == 1) continue;
    const int last = view.rank - 1;
    if (last >= 0 && view.strides[last] == stride * size) {
      view.sizes[last] *= size;
      view.strides[last] = stride;
      continue;
    }
    view.sizes[view.rank] = size;
    view.strides[view.rank++] = stride;
  }
  return view;
}

// Whether all rows of the view start at vectors and hold whole ones.
template <class T>
bool rows_fit(const View& view, const T* x, const void* out) {
  const int last = view.rank - 1;
  if (last < 0 || view.strides[last] != 1 || !vectors_fit<T>(x, view.sizes[last]) ||
      !vectors_fit<T>(out, 0))
    return false;
  for (int d = 0; d < last; ++d)
    if (view.strides[d] % widest<T> != 0) return false;
  return true;
}

template <class T>
void launch_copy(const StridedCopyArgs& args, StreamHandle stream) {
  constexpr int V = widest<T>;
  View view = view_of(args);
  const T* x = static_cast<const T*>(args.x) + args.offset;
  const bool vectors = rows_fit<T>(view, x, args.out);
  if (vectors) {
    view.count /= V;
    view.sizes[view.rank - 1] /= V;
    view.strides[view.rank - 1] = V;
  }
  const int64_t blocks = (view.count + threads - 1) / threads;
  GRADUS_CHECK(blocks <= 0x7fffffff, "[copy] {} elements are more than one launch can take",
               view.count);
  launch(vectors ? strided_copy<T, V> : strided_copy<T, 1>,
         {.grid = {static_cast<unsigned>(blocks)}, .block = {threads}, .stream = stream}, x,
         static_cast<T*>(args.out), view);
}

}  // namespace

void strided_copy_cuda(const StridedCopyArgs& args, StreamHandle stream) {
  if (args.shape.numel() == 0) return;
  switch (args.element_bytes) {
    case 1:
      return launch_copy<uint8_t>(args, stream);
    case 2:
      return launch_copy<uint16_t>(args, stream);
    case 4:
      return launch_copy<uint32_t>(args, stream);
    default:
      return launch_copy<uint64_t>(args, stream);
  }
}

}  // namespace gradus::kernels
