// SPDX-License-Identifier: Apache-2.0
#include "kernels/sparse_adam_step.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "engine/base/dispatch.h"
#include "kernels/cpu/optimizer_step.h"

namespace gradus::kernels {
namespace {

constexpr int64_t columns_a_tile = 64;
constexpr int64_t rows_a_chunk = 16;

// Places of the indices, in the order of what they name and then their own; `starts[r]` is the
// first place of the r-th row that is named, with one more behind the last.
struct LookedUp {
  std::span<int64_t> places, starts;
};

LookedUp sort_places(const SparseAdamStepArgs& args) {
  auto* memory = static_cast<int64_t*>(args.workspace);
  const auto count = static_cast<size_t>(args.count);
  const std::span<int64_t> places(memory, count), starts(memory + count, count + 1);
  for (int64_t i = 0; i < args.count; ++i) {
    (void)args.indices.checked(i, args.rows, "sparse_adam_step");
    places[static_cast<size_t>(i)] = i;
  }
  std::ranges::sort(places, [&](int64_t a, int64_t b) {
    const int64_t row_a = args.indices[a], row_b = args.indices[b];
    return row_a != row_b ? row_a < row_b : a < b;
  });
  size_t rows = 0;
  for (size_t i = 0; i < count; ++i)
    if (i == 0 || args.indices[places[i]] != args.indices[places[i - 1]])
      starts[rows++] = static_cast<int64_t>(i);
  starts[rows] = args.count;
  return {places, starts.first(rows + 1)};
}

struct Numbers {
  double scale, rest1, beta2, rest2, rate, correction2, eps;

  explicit Numbers(const SparseAdamStepArgs& args) {
    const double lr = read_scalar(args.control.lr), t = read_scalar(args.control.step, 1.0);
    scale = read_scalar(args.control.scale, 1.0) * (args.maximize ? -1.0 : 1.0);
    rest1 = 1.0 - args.beta1;
    beta2 = args.beta2;
    rest2 = 1.0 - args.beta2;
    rate = lr / (1.0 - std::pow(args.beta1, t));
    correction2 = std::sqrt(1.0 - std::pow(args.beta2, t));
    eps = args.eps;
  }
};

template <class T>
void step_row(const SparseAdamStepArgs& args, const Numbers& numbers,
              std::span<const int64_t> places) {
  const int64_t at = args.indices[places[0]] * args.width;
  const auto* grad = static_cast<const T*>(args.grad);
  const T *weight = static_cast<const T*>(args.weight) + at,
          *first = static_cast<const T*>(args.exp_avg) + at,
          *second = static_cast<const T*>(args.exp_avg_sq) + at;
  T *new_weight = static_cast<T*>(args.new_weight) + at,
    *new_first = static_cast<T*>(args.new_exp_avg) + at,
    *new_second = static_cast<T*>(args.new_exp_avg_sq) + at;
  for (int64_t begin = 0; begin < args.width; begin += columns_a_tile) {
    const int64_t end = std::min(begin + columns_a_tile, args.width);
    double sums[columns_a_tile] = {};
    for (const int64_t place : places)
      for (int64_t c = begin; c < end; ++c)
        sums[c - begin] += static_cast<double>(grad[place * args.width + c]);
    for (int64_t c = begin; c < end; ++c) {
      const double g = numbers.scale * sums[c - begin], old = static_cast<double>(first[c]);
      const double m = old + numbers.rest1 * (g - old);
      const double v = numbers.beta2 * static_cast<double>(second[c]) + numbers.rest2 * g * g;
      new_first[c] = static_cast<T>(m);
      new_second[c] = static_cast<T>(v);
      new_weight[c] =
          static_cast<T>(static_cast<double>(weight[c]) -
                         numbers.rate * m / (std::sqrt(v) / numbers.correction2 + numbers.eps));
    }
  }
}

}  // namespace

int64_t sparse_adam_workspace(int64_t count) {
  return (2 * count + 1) * static_cast<int64_t>(sizeof(int64_t));
}

void sparse_adam_step_cpu(const SparseAdamStepArgs& args) {
  const LookedUp found = sort_places(args);
  const int64_t all = args.rows * args.width;
  keep(args.new_weight, args.weight, args.dtype, all);
  keep(args.new_exp_avg, args.exp_avg, args.dtype, all);
  keep(args.new_exp_avg_sq, args.exp_avg_sq, args.dtype, all);
  if (read_scalar(args.control.skip) != 0.0) return;
  const Numbers numbers(args);
  const auto rows = static_cast<int64_t>(found.starts.size()) - 1;
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_range(rows, rows_a_chunk, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const auto at = static_cast<size_t>(r);
        const auto first = static_cast<size_t>(found.starts[at]);
        const auto behind = static_cast<size_t>(found.starts[at + 1]);
        step_row<T>(args, numbers, found.places.subspan(first, behind - first));
      }
    });
  });
}

}  // namespace gradus::kernels
