// SPDX-License-Identifier: Apache-2.0
#include "kernels/segment_reduce.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/dispatch.h"
#include "engine/base/error.h"
#include "engine/base/parallel.h"

namespace gradus::kernels {
namespace {

constexpr int64_t column_block = 64;
constexpr std::string_view op = "segment_reduce";

double start_value(SegmentReduction reduction) {
  switch (reduction) {
    case SegmentReduction::amax:
      return -std::numeric_limits<double>::infinity();
    case SegmentReduction::amin:
      return std::numeric_limits<double>::infinity();
    case SegmentReduction::prod:
      return 1.0;
    default:
      return 0.0;
  }
}

double combine(SegmentReduction reduction, double sum, double x) {
  switch (reduction) {
    case SegmentReduction::amax:
      return x > sum || std::isnan(x) ? x : sum;
    case SegmentReduction::amin:
      return x < sum || std::isnan(x) ? x : sum;
    case SegmentReduction::prod:
      return sum * x;
    default:
      return sum + x;
  }
}

void read_offsets(const SegmentReduceArgs& args, int64_t* segment_of) {
  const IndexArray& offsets = args.offsets;
  if (offsets[0] != 0 || offsets[args.segments] != args.rows)
    failf(ErrorKind::bad_data, op, "offsets, expected to run from 0 to {}, got {} to {}", args.rows,
          offsets[0], offsets[args.segments]);
  for (int64_t s = 0; s < args.segments; ++s) {
    if (offsets[s + 1] < offsets[s] || offsets[s + 1] > args.rows)
      failf(ErrorKind::bad_data, op, "offset at position {}, expected {} to {}, got {}", s + 1,
            offsets[s], args.rows, offsets[s + 1]);
    std::fill(segment_of + offsets[s], segment_of + offsets[s + 1], s);
  }
}

template <class T>
void reduce_columns(const SegmentReduceArgs& args, const int64_t* segment_of, const int64_t* counts,
                    int64_t begin, int64_t end) {
  const double start = start_value(args.reduction);
  for (int64_t s = 0; s < args.segments; ++s)
    std::fill(args.sums + s * args.inner + begin, args.sums + s * args.inner + end, start);
  for (int64_t r = 0; r < args.rows; ++r) {
    const T* x = static_cast<const T*>(args.x) + r * args.inner;
    double* sums = args.sums + segment_of[r] * args.inner;
    for (int64_t i = begin; i < end; ++i)
      sums[i] = combine(args.reduction, sums[i], static_cast<double>(x[i]));
  }
  for (int64_t s = 0; s < args.segments; ++s) {
    const double divisor =
        args.reduction == SegmentReduction::mean ? static_cast<double>(counts[s]) : 1.0;
    for (int64_t i = s * args.inner + begin; i < s * args.inner + end; ++i)
      static_cast<T*>(args.out)[i] = static_cast<T>(args.sums[i] / divisor);
  }
}

}  // namespace

void segment_reduce_cpu(const SegmentReduceArgs& args) {
  int64_t *segment_of = args.numbers, *counts = args.numbers + args.rows;
  if (args.offsets.data != nullptr) {
    read_offsets(args, segment_of);
  } else {
    for (int64_t r = 0; r < args.rows; ++r) segment_of[r] = args.ids.checked(r, args.segments, op);
  }
  std::fill_n(counts, args.segments, int64_t{0});
  for (int64_t r = 0; r < args.rows; ++r) ++counts[segment_of[r]];
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_range(args.inner, column_block, [&](int64_t begin, int64_t end) {
      reduce_columns<T>(args, segment_of, counts, begin, end);
    });
  });
}

}  // namespace gradus::kernels
