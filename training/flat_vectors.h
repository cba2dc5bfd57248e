// SPDX-License-Identifier: Apache-2.0
// Arithmetic on long vectors of f32 or f64, split by their length alone. Sums are taken in f64,
// piece by piece in order.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "engine/base/parallel.h"

namespace gradus {

inline constexpr int64_t vector_piece = 1 << 14;

inline size_t vector_pieces(int64_t count) {
  return static_cast<size_t>((count + vector_piece - 1) / vector_piece);
}

// y[i] = f(i) for all i.
template <class T, class F>
void assign_each(std::span<T> y, F&& f) {
  parallel_range(static_cast<int64_t>(y.size()), vector_piece, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      y[static_cast<size_t>(i)] = static_cast<T>(f(static_cast<size_t>(i)));
  });
}

// The sum of f(i) over i < count, in eight sums side by side. `partial`: vector_pieces(count).
template <class F>
double sum_each(int64_t count, std::span<double> partial, F&& f) {
  parallel_range(count, vector_piece, [&](int64_t begin, int64_t end) {
    constexpr int64_t lanes = 8;
    double sums[lanes] = {};
    for (int64_t i = begin; i < end; ++i) sums[(i - begin) % lanes] += f(static_cast<size_t>(i));
    partial[static_cast<size_t>(begin / vector_piece)] =
        std::accumulate(std::begin(sums), std::end(sums), 0.0);
  });
  return std::accumulate(partial.begin(),
                         partial.begin() + static_cast<std::ptrdiff_t>(vector_pieces(count)), 0.0);
}

// NaN where one is.
template <class T>
double largest_size(std::span<const T> x) {
  double largest = 0;
  for (const T value : x) {
    const double size = std::abs(static_cast<double>(value));
    if (!(size <= largest)) largest = size;
    if (std::isnan(size)) return size;
  }
  return largest;
}

}  // namespace gradus
