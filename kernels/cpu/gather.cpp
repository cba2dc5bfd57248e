// SPDX-License-Identifier: Apache-2.0
#include "kernels/gather.h"

#include "engine/base/parallel.h"
#include "kernels/cpu/element.h"
#include "kernels/cpu/index_lines.h"

namespace gradus::kernels {

void gather_cpu(const GatherArgs& args) {
  if (args.index_shape.numel() == 0) return;
  const IndexLines lines(args.index_shape, args.dim);
  const IndexPlace place(args.shape, args.dim);
  dispatch_element(args.element_bytes, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* x = static_cast<const T*>(args.x);
    T* out = static_cast<T*>(args.out);
    parallel_range(lines.count(), lines.grain(), [&](int64_t begin, int64_t end) {
      for (int64_t line = begin; line < end; ++line) {
        const int64_t from = lines.start_in(place, line), at = lines.start(line);
        for (int64_t k = 0; k < lines.length(); ++k) {
          const int64_t element = at + k * lines.stride();
          out[element] =
              x[from + args.index.checked(element, args.shape[args.dim], "gather") * place.stride];
        }
      }
    });
  });
}

}  // namespace gradus::kernels
