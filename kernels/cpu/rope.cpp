// SPDX-License-Identifier: Apache-2.0
#include "kernels/rope.h"

#include <cmath>

#include "engine/base/dispatch.h"
#include "engine/base/parallel.h"

namespace gradus::kernels {
namespace {

constexpr int64_t grain = 1 << 12;

int64_t position_count(const RopeArgs& args) {
  if (args.positions != nullptr) return args.position_shape.numel();
  return args.rows.rank() == 0 ? 1 : args.rows[args.rows.rank() - 1];
}

// Which entry of the table row `row` uses.
int64_t entry_of(const RopeArgs& args, int64_t row) {
  if (args.positions == nullptr) return row % position_count(args);
  const auto strides = args.position_shape.strides();
  const int shift = args.rows.rank() - args.position_shape.rank();
  int64_t entry = 0;
  for (int d = args.rows.rank() - 1; d >= shift; --d) {
    const int64_t index = row % args.rows[d];
    row /= args.rows[d];
    if (args.position_shape[d - shift] != 1)
      entry += index * strides[static_cast<size_t>(d - shift)];
  }
  return entry;
}

// For each entry: width / 2 cosines, then as many sines.
template <class T>
void fill_table(const RopeArgs& args, T* table) {
  const int64_t pairs = args.width / 2;
  parallel_range(
      position_count(args), 1 + grain / (args.width + 1), [&](int64_t begin, int64_t end) {
        for (int64_t entry = begin; entry < end; ++entry) {
          const double position =
              static_cast<double>(args.offset) +
              static_cast<double>(args.positions ? args.positions[entry] : entry);
          for (int64_t k = 0; k < pairs; ++k) {
            const double exponent = -2.0 * static_cast<double>(k) / static_cast<double>(args.width);
            const double angle = position * std::pow(args.base, exponent);
            table[entry * args.width + k] = static_cast<T>(std::cos(angle));
            table[entry * args.width + pairs + k] =
                static_cast<T>(args.inverse ? -std::sin(angle) : std::sin(angle));
          }
        }
      });
}

template <class T>
void rotate_row(const T* x, const T* cosines, T* out, int64_t pairs, bool interleaved) {
  const T* sines = cosines + pairs;
  const int64_t step = interleaved ? 2 : 1, other = interleaved ? 1 : pairs;
  for (int64_t k = 0; k < pairs; ++k) {
    const T a = x[k * step], b = x[k * step + other];
    out[k * step] = a * cosines[k] - b * sines[k];
    out[k * step + other] = a * sines[k] + b * cosines[k];
  }
}

}  // namespace

int64_t rope_table_count(const RopeArgs& args) { return position_count(args) * args.width; }

void rope_cpu(const RopeArgs& args) {
  const int64_t rows = args.rows.numel();
  if (rows == 0 || args.width == 0) return;
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* table = static_cast<T*>(args.table);
    fill_table(args, table);
    parallel_range(rows, 1 + grain / args.width, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        rotate_row(static_cast<const T*>(args.x) + row * args.width,
                   table + entry_of(args, row) * args.width,
                   static_cast<T*>(args.out) + row * args.width, args.width / 2, args.interleaved);
    });
  });
}

}  // namespace gradus::kernels
