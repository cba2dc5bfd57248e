// SPDX-License-Identifier: Apache-2.0
// Reductions over some dims, for one rule of folding. Rows (the innermost dim is reduced): a warp
// or a block folds a piece. Columns (it is kept): neighbouring lanes fold neighbouring columns.
// What more than one piece gives is folded by a second kernel, in order. Not measured on hardware.
//
// A rule has an accumulator A of at most 8 bytes, start(), take(A, x) for an element, join(A, A)
// for two parts, and result(A, count).
#pragma once

#include <type_traits>

#include "kernels/common/convert.h"
#include "kernels/common/division.h"
#include "kernels/common/launch.h"
#include "kernels/common/reduce.h"
#include "kernels/common/shared.h"
#include "kernels/common/vector.h"
#include "kernels/cuda/reduce_program.h"

namespace gradus::kernels {
namespace {

DEV int64_t offset_of(const DeviceAxes& axes, int64_t index) {
  int64_t at = 0;
  for (int d = axes.rank - 1; d > 0; --d) {
    const Quotient q = quotient_of(index, axes.sizes[d]);
    at += q.rest * axes.strides[d];
    index = q.whole;
  }
  return axes.rank > 0 ? at + index * axes.strides[0] : 0;
}

// Elements of floating type T, in what they are computed in.
template <class T>
struct Numbers {
  static constexpr int width = widest<T>;
  const T* x;

  DEV Compute<T> at(int64_t index) const { return widen(x[index]); }
  template <int V>
  DEV void read(Compute<T> (&values)[V], int64_t index) const {
    const Vector<T, V> stored = load_vector<V>(x + index);
#pragma unroll
    for (int j = 0; j < V; ++j) values[j] = widen(stored.at[j]);
  }
};

// Elements of an integer type that is known at run time.
struct Wholes {
  static constexpr int width = 1;
  const void* x;
  DType dtype;

  DEV int64_t at(int64_t index) const {
    if (dtype == DType::i64) return static_cast<const int64_t*>(x)[index];
    if (dtype == DType::i32) return static_cast<const int32_t*>(x)[index];
    return static_cast<const uint8_t*>(x)[index];
  }
  template <int V>
  DEV void read(int64_t (&values)[V], int64_t index) const {
    values[0] = at(index);
  }
};

// Where results go: pieces in the workspace, or the elements of the output.
template <class Rule>
struct Results {
  typename Rule::A* partial;  // null: one piece
  void* out;
  DType dtype;
  int64_t count;  // elements behind each result

  template <class Value>
  DEV void store(int64_t k, Value value) const {
    switch (dtype) {
      case DType::f64:
        static_cast<double*>(out)[k] = static_cast<double>(value);
        break;
      case DType::f32:
        static_cast<float*>(out)[k] = static_cast<float>(value);
        break;
      case DType::f16:
        static_cast<f16*>(out)[k] = narrow<f16>(static_cast<float>(value));
        break;
      case DType::bf16:
        static_cast<bf16*>(out)[k] = narrow<bf16>(static_cast<float>(value));
        break;
      case DType::i64:
        static_cast<int64_t*>(out)[k] = static_cast<int64_t>(value);
        break;
      case DType::i32:
        static_cast<int32_t*>(out)[k] = static_cast<int32_t>(value);
        break;
      default:
        static_cast<uint8_t*>(out)[k] = static_cast<uint8_t>(value);
    }
  }

  DEV void give(const Rule& rule, int64_t k, int64_t piece, int64_t pieces,
                typename Rule::A value) const {
    if (partial != nullptr)
      partial[k * pieces + piece] = value;
    else
      store(k, rule.result(value, count));
  }
};

// The rule in the form that warp_reduce and block_reduce take.
template <class Rule>
struct Join {
  Rule rule;
  DEV typename Rule::A operator()(typename Rule::A a, typename Rule::A b) const {
    return rule.join(a, b);
  }
  template <class T>
  DEV static T identity() {
    return Rule::start();
  }
};

struct Piece {
  int64_t begin, end;
};

DEV Piece piece_of(const ReducePlan& plan, int64_t piece) {
  const int64_t begin = piece * plan.length, end = begin + plan.length;
  return {begin, end < plan.reduced.count ? end : plan.reduced.count};
}

// This thread's share of a piece of a row. `vectors`: whole vectors lie side by side in memory.
template <class Rule, class Reader, int Lanes>
DEV typename Rule::A fold_row(const Rule& rule, const Reader& x, const ReducePlan& plan,
                              int64_t start, const Piece& piece, bool vectors) {
  using A = typename Rule::A;
  using X = decltype(x.at(0));
  constexpr int V = Reader::width;
  const int lane = static_cast<int>(threadIdx.x) % Lanes;
  if (!vectors) {
    A acc = Rule::start();
    for (int64_t r = piece.begin + lane; r < piece.end; r += Lanes)
      acc = rule.take(acc, x.at(start + offset_of(plan.reduced, r)));
    return acc;
  }
  A acc[V];
#pragma unroll
  for (int j = 0; j < V; ++j) acc[j] = Rule::start();
  for (int64_t r = piece.begin + lane * V; r < piece.end; r += Lanes * V) {
    X values[V];
    x.template read<V>(values, start + offset_of(plan.reduced, r));
#pragma unroll
    for (int j = 0; j < V; ++j) acc[j] = rule.take(acc[j], values[j]);
  }
#pragma unroll
  for (int j = 1; j < V; ++j) acc[0] = rule.join(acc[0], acc[j]);
  return acc[0];
}

// One piece of one row per `Lanes` threads.
template <class Rule, class Reader, int Lanes>
__global__ void __launch_bounds__(reduce_threads)
    reduce_rows(const Rule rule, const Reader x, const Results<Rule> results,
                const __grid_constant__ ReducePlan plan, const bool vectors) {
  constexpr int groups = reduce_threads / Lanes;
  const int64_t item = int64_t{blockIdx.x} * groups + threadIdx.x / Lanes;
  if (item >= plan.kept.count * plan.pieces) return;  // all threads of a group together
  const Quotient at = quotient_of(item, plan.pieces);
  typename Rule::A value = fold_row<Rule, Reader, Lanes>(
      rule, x, plan, offset_of(plan.kept, at.whole), piece_of(plan, at.rest), vectors);
  if constexpr (Lanes == warp_size)
    value = warp_reduce(value, Join<Rule>{rule});
  else
    value = block_reduce<Lanes>(value, Join<Rule>{rule});
  if (threadIdx.x % Lanes == 0) results.give(rule, at.whole, at.rest, plan.pieces, value);
}

// A piece of `reduce_lanes` groups of V neighbouring columns.
template <class Rule, class Reader, int V>
__global__ void __launch_bounds__(reduce_lanes* reduce_slices)
    reduce_columns(const Rule rule, const Reader x, const Results<Rule> results,
                   const __grid_constant__ ReducePlan plan) {
  using A = typename Rule::A;
  using X = decltype(x.at(0));
  SHARED(parts, A[reduce_slices][reduce_lanes * V]);
  const int lane = static_cast<int>(threadIdx.x), slice = static_cast<int>(threadIdx.y);
  const int64_t column = (int64_t{blockIdx.x} * reduce_lanes + lane) * V;
  const bool exists = column < plan.kept.count;
  const Piece piece = piece_of(plan, blockIdx.y);
  A acc[V];
#pragma unroll
  for (int j = 0; j < V; ++j) acc[j] = Rule::start();
  if (exists) {
    const int64_t start = offset_of(plan.kept, column);
    for (int64_t r = piece.begin + slice; r < piece.end; r += reduce_slices) {
      const int64_t from = start + offset_of(plan.reduced, r);
      X values[V];
      if constexpr (V == 1)
        values[0] = x.at(from);
      else
        x.template read<V>(values, from);
#pragma unroll
      for (int j = 0; j < V; ++j) acc[j] = rule.take(acc[j], values[j]);
    }
  }
#pragma unroll
  for (int j = 0; j < V; ++j) parts[slice][lane * V + j] = acc[j];
  __syncthreads();
  if (!exists || slice >= V) return;
  A value = parts[0][lane * V + slice];
#pragma unroll
  for (int i = 1; i < reduce_slices; ++i) value = rule.join(value, parts[i][lane * V + slice]);
  results.give(rule, column + slice, blockIdx.y, plan.pieces, value);
}

// Folds the pieces of a result, a warp for each.
template <class Rule>
__global__ void __launch_bounds__(reduce_threads)
    reduce_pieces(const Rule rule, const Results<Rule> results, const int64_t kept,
                  const int64_t pieces) {
  const int64_t k = int64_t{blockIdx.x} * (reduce_threads / warp_size) + threadIdx.x / warp_size;
  if (k >= kept) return;
  typename Rule::A value = Rule::start();
  for (int64_t i = threadIdx.x % warp_size; i < pieces; i += warp_size)
    value = rule.join(value, results.partial[k * pieces + i]);
  value = warp_reduce(value, Join<Rule>{rule});
  if (threadIdx.x % warp_size == 0) results.store(k, rule.result(value, results.count));
}

inline unsigned reduce_grid(int64_t items, int64_t per_block) {
  const int64_t blocks = (items + per_block - 1) / per_block;
  GRADUS_CHECK(blocks <= 0x7fffffff, "[reduce] {} results are more than one launch can take",
               items);
  return static_cast<unsigned>(blocks);
}

template <class Rule, class Reader>
void launch_rows(const Rule& rule, const Reader& x, const Results<Rule>& results,
                 const ReduceCall& call) {
  constexpr int64_t short_row = 1024;
  const ReducePlan& plan = call.plan;
  const DeviceAxes& r = plan.reduced;
  const auto divides = [](int64_t size) { return size % Reader::width == 0; };
  bool vectors = Reader::width > 1 && r.rank > 0 && r.strides[r.rank - 1] == 1 &&
                 divides(r.sizes[r.rank - 1]) && reinterpret_cast<uintptr_t>(call.args.x) % 16 == 0;
  for (int d = 0; d + 1 < r.rank; ++d) vectors = vectors && divides(r.strides[d]);
  for (int d = 0; d < plan.kept.rank; ++d) vectors = vectors && divides(plan.kept.strides[d]);
  const int64_t items = plan.kept.count * plan.pieces;
  const bool warps = plan.length <= short_row || r.count <= short_row;
  launch(warps ? reduce_rows<Rule, Reader, warp_size> : reduce_rows<Rule, Reader, reduce_threads>,
         {.grid = {reduce_grid(items, warps ? reduce_threads / warp_size : 1)},
          .block = {reduce_threads},
          .stream = call.stream},
         rule, x, results, plan, vectors);
}

template <class Rule, class Reader>
void launch_columns(const Rule& rule, const Reader& x, const Results<Rule>& results,
                    const ReduceCall& call) {
  constexpr int V = Reader::width;
  const ReducePlan& plan = call.plan;
  const auto divides = [](int64_t size) { return size % V == 0; };
  const DeviceAxes& kept = plan.kept;
  bool vectors = V > 1 && divides(kept.sizes[kept.rank - 1]) &&
                 reinterpret_cast<uintptr_t>(call.args.x) % 16 == 0;
  for (int d = 0; d + 1 < kept.rank; ++d) vectors = vectors && divides(kept.strides[d]);
  for (int d = 0; d < plan.reduced.rank; ++d) vectors = vectors && divides(plan.reduced.strides[d]);
  launch(vectors ? reduce_columns<Rule, Reader, V> : reduce_columns<Rule, Reader, 1>,
         {.grid = {reduce_grid(kept.count, int64_t{reduce_lanes} * (vectors ? V : 1)),
                   static_cast<unsigned>(plan.pieces)},
          .block = {reduce_lanes, reduce_slices},
          .stream = call.stream},
         rule, x, results, plan);
}

template <class Rule, class Reader>
void launch_reduction(const Rule& rule, const Reader& x, const ReduceCall& call) {
  static_assert(sizeof(typename Rule::A) <= reduce_accumulator_bytes);
  const ReducePlan& plan = call.plan;
  const Results<Rule> results{
      plan.pieces > 1 ? static_cast<typename Rule::A*>(call.args.workspace) : nullptr,
      call.args.out, call.args.out_dtype, plan.reduced.count};
  if (plan.columns)
    launch_columns(rule, x, results, call);
  else
    launch_rows(rule, x, results, call);
  if (plan.pieces > 1)
    launch(reduce_pieces<Rule>,
           {.grid = {reduce_grid(plan.kept.count, reduce_threads / warp_size)},
            .block = {reduce_threads},
            .stream = call.stream},
           rule, results, plan.kept.count, plan.pieces);
}

// `Rule<X>` folds elements that are computed in X: float, double or int64_t.
template <template <class> class Rule>
void reduce_typed(const ReduceCall& call) {
  const void* x = call.args.x;
  switch (call.args.dtype) {
    case DType::f64:
      return launch_reduction(Rule<double>{call.args.reduction},
                              Numbers<double>{static_cast<const double*>(x)}, call);
    case DType::f32:
      return launch_reduction(Rule<float>{call.args.reduction},
                              Numbers<float>{static_cast<const float*>(x)}, call);
    case DType::f16:
      return launch_reduction(Rule<float>{call.args.reduction},
                              Numbers<f16>{static_cast<const f16*>(x)}, call);
    case DType::bf16:
      return launch_reduction(Rule<float>{call.args.reduction},
                              Numbers<bf16>{static_cast<const bf16*>(x)}, call);
    default:
      return launch_reduction(Rule<int64_t>{call.args.reduction}, Wholes{x, call.args.dtype}, call);
  }
}

}  // namespace
}  // namespace gradus::kernels
