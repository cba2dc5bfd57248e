// SPDX-License-Identifier: Apache-2.0
#include "kernels/sort.h"

#include <algorithm>
#include <type_traits>

#include "engine/base/dispatch.h"
#include "engine/base/error.h"
#include "engine/base/parallel.h"

namespace gradus::kernels {
namespace {

constexpr int64_t elements_per_chunk = 1 << 12;
constexpr int64_t entry_bytes = 16;

template <class T>
struct Entry {
  T value;
  int64_t index;
};

// A total order, since no two indices are equal: std::sort, which allocates nothing, is then as
// good as a stable one.
template <class T>
struct Before {
  bool descending;

  static bool less(T a, T b) {
    if (b != b) return a == a;
    return a < b;
  }
  bool operator()(const Entry<T>& a, const Entry<T>& b) const {
    if (descending ? less(b.value, a.value) : less(a.value, b.value)) return true;
    if (descending ? less(a.value, b.value) : less(b.value, a.value)) return false;
    return a.index < b.index;
  }
};

template <class T>
void sort_line(const SortArgs& args, int64_t line) {
  const int64_t outer = line / args.inner, inner = line % args.inner;
  const T* x = static_cast<const T*>(args.x) + outer * args.dim * args.inner + inner;
  Entry<T>* entries = reinterpret_cast<Entry<T>*>(static_cast<char*>(args.workspace) +
                                                  line * args.dim * entry_bytes);
  for (int64_t d = 0; d < args.dim; ++d) entries[d] = {x[d * args.inner], d};
  const Before<T> before{args.descending};
  // Ordering only the front pays where little of the line is asked for.
  if (args.count <= args.dim / 8)
    std::partial_sort(entries, entries + args.count, entries + args.dim, before);
  else
    std::sort(entries, entries + args.dim, before);
  const int64_t to = outer * args.count * args.inner + inner;
  for (int64_t j = 0; j < args.count; ++j) {
    static_cast<T*>(args.values)[to + j * args.inner] = entries[j].value;
    args.indices[to + j * args.inner] = entries[j].index;
  }
}

}  // namespace

int64_t sort_workspace(int64_t elements) {
  GRADUS_CHECK(elements <= INT64_MAX / entry_bytes, "[sort] {} elements are too many", elements);
  return elements * entry_bytes;
}

void sort_cpu(const SortArgs& args) {
  if (args.count == 0) return;
  const int64_t grain = std::max<int64_t>(1, elements_per_chunk / args.dim);
  dispatch_stored(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_arithmetic_v<T>) {
      static_assert(sizeof(Entry<T>) <= entry_bytes);
      parallel_range(args.outer * args.inner, grain, [&](int64_t begin, int64_t end) {
        for (int64_t line = begin; line < end; ++line) sort_line<T>(args, line);
      });
    } else {
      GRADUS_ASSERT(false, "sort computes in whole types, not {}", dtype_name(args.dtype));
    }
  });
}

}  // namespace gradus::kernels
