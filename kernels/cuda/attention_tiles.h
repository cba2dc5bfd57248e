// SPDX-License-Identifier: Apache-2.0
// What the attention kernels share. A block owns 16 rows (queries, or keys in the pass that sums
// over queries), four for each of its warps, and walks the other side in tiles of 32 rows that lie
// in shared memory: a lane has one of them for the products along a row, and some columns for the
// sums over rows.
#pragma once

#include <cmath>
#include <type_traits>

#include "kernels/attention.h"
#include "kernels/common/launch.h"
#include "kernels/common/reduce.h"
#include "kernels/common/shared.h"
#include "kernels/common/vector.h"
#include "kernels/cuda/mixed_numbers.h"

namespace gradus::kernels {
namespace {

constexpr int attention_threads = 128;
constexpr int warp_rows = 4;
constexpr int own_rows = attention_threads / warp_size * warp_rows;
constexpr int tile_rows = warp_size;
constexpr int64_t most_depth = 256;

struct MatrixSteps {
  int64_t steps[Shape::max_rank];
  int64_t group;
};

// The problem as kernels take it.
template <class T>
struct Attention {
  using C = Compute<T>;
  const T *query, *key, *value;
  MixedNumbers mask;
  int rank;
  int64_t lead[Shape::max_rank];
  MatrixSteps query_steps, key_steps, value_steps, mask_steps;
  int64_t matrices, queries, keys, mask_row, mask_col;
  int depth, value_depth;
  MaskKind mask_kind;
  C scale, kept;  // 1 / (1 - dropout)
  RandomStream random;
  bool drops;
  uint32_t threshold;  // of the upper 24 bits of a word

  DEV int64_t matrix(const MatrixSteps& by, int64_t n) const {
    int64_t index = 0;
    for (int d = rank - 1; d >= 0; --d) {
      int64_t position = n % lead[d];
      n /= lead[d];
      if (d == rank - 1) position /= by.group;
      index += position * by.steps[d];
    }
    return index;
  }
  DEV const T* queries_of(int64_t n) const {
    return query + matrix(query_steps, n) * queries * depth;
  }
  DEV const T* keys_of(int64_t n) const { return key + matrix(key_steps, n) * keys * depth; }
  DEV const T* values_of(int64_t n) const {
    return value + matrix(value_steps, n) * keys * value_depth;
  }
  DEV bool exists(int64_t i, int64_t j) const {
    return i < queries && j < keys && (mask_kind != MaskKind::causal || j <= i);
  }
  // The score of a pair that exists, from the product of its rows; -inf where masked out.
  DEV C score(int64_t mask_start, int64_t i, int64_t j, C product) const {
    const int64_t at = mask_start + i * mask_row + j * mask_col;
    if (mask_kind == MaskKind::boolean && static_cast<const uint8_t*>(mask.data)[at] == 0)
      return -C(__builtin_huge_val());
    const C scaled = product * scale;
    return mask_kind == MaskKind::additive ? scaled + mask.at<T>(at) : scaled;
  }
  DEV PhiloxKey dropout_key() const {
    if (!drops) return {0, 0};
    const RngState state{random.rng->seed, random.rng->step, random.rng->micro_step};
    return philox_key(state, random.path);
  }
  // What dropout multiplies the weight of a pair by.
  DEV C kept_share(const PhiloxKey& key_, int64_t n, int64_t i, int64_t j) const {
    if (!drops) return C(1);
    const uint32_t word = philox_word(key_, static_cast<uint64_t>((n * queries + i) * keys + j));
    return (word >> 8) >= threshold ? kept : C(0);
  }
};

DEV float power_of_e(float x) { return expf(x); }
DEV double power_of_e(double x) { return exp(x); }
DEV float natural_log(float x) { return logf(x); }
DEV double natural_log(double x) { return log(x); }

// `rows` rows from `first` on, of `count` that exist, into rows `pitch` apart; zeros beyond.
template <class T>
DEV void load_rows(Compute<T>* to, int pitch, const T* from, int64_t first, int64_t count, int rows,
                   int width) {
  for (int e = static_cast<int>(threadIdx.x); e < rows * width; e += attention_threads) {
    const int row = e / width, col = e - row * width;
    to[row * pitch + col] =
        first + row < count ? widen(from[(first + row) * width + col]) : Compute<T>(0);
  }
}

// product[r] = <row r of this warp's own rows, this lane's row of the tile>.
template <class C>
DEV void products(C (&product)[warp_rows], const C* own, const C* tile, int width) {
  const int lane = static_cast<int>(threadIdx.x) % warp_size;
  own += static_cast<int>(threadIdx.x) / warp_size * warp_rows * width;
  tile += lane * (width + 1);
#pragma unroll
  for (int r = 0; r < warp_rows; ++r) product[r] = C(0);
  for (int d = 0; d < width; ++d) {
    const C of_lane = tile[d];
#pragma unroll
    for (int r = 0; r < warp_rows; ++r) product[r] += own[r * width + d] * of_lane;
  }
}

// sums[r][c] += the sum over the tile's rows of weight[r] (each lane has its row's) times column
// c * 32 + lane.
template <int Columns, class C>
DEV void add_weighted(C (&sums)[warp_rows][Columns], const C (&weight)[warp_rows], const C* tile,
                      int width) {
  const int lane = static_cast<int>(threadIdx.x) % warp_size;
  for (int row = 0; row < tile_rows; ++row) {
    C value[Columns];
#pragma unroll
    for (int c = 0; c < Columns; ++c) {
      const int col = c * warp_size + lane;
      value[c] = col < width ? tile[row * (width + 1) + col] : C(0);
    }
#pragma unroll
    for (int r = 0; r < warp_rows; ++r) {
      const C w = __shfl_sync(full_warp, weight[r], row);
#pragma unroll
      for (int c = 0; c < Columns; ++c) sums[r][c] += w * value[c];
    }
  }
}

// Stores factor[r] * sums[r], one row of `width` for each own row below `count`.
template <int Columns, class T>
DEV void store_rows(T* to, const Compute<T> (&sums)[warp_rows][Columns],
                    const Compute<T> (&factor)[warp_rows], int64_t first, int64_t count,
                    int width) {
  const int lane = static_cast<int>(threadIdx.x) % warp_size;
#pragma unroll
  for (int r = 0; r < warp_rows; ++r) {
    const int64_t row = first + static_cast<int>(threadIdx.x) / warp_size * warp_rows + r;
#pragma unroll
    for (int c = 0; c < Columns; ++c) {
      const int col = c * warp_size + lane;
      if (row < count && col < width) to[row * width + col] = narrow<T>(factor[r] * sums[r][c]);
    }
  }
}

template <class C>
DEV C* attention_memory() {
  return dynamic_shared<Vector<C, 16 / static_cast<int>(sizeof(C))>>().at;
}

// --- host side ---

inline MatrixSteps steps_of(const MatrixIndex& index) {
  MatrixSteps steps{};
  for (size_t d = 0; d < Shape::max_rank; ++d) steps.steps[d] = index.steps[d];
  steps.group = index.group;
  return steps;
}

template <class T>
Attention<T> device_attention(const AttentionProblem& p, const AttentionExtras& extras) {
  Attention<T> a{};
  a.query = static_cast<const T*>(p.query);
  a.key = static_cast<const T*>(p.key);
  a.value = static_cast<const T*>(p.value);
  a.mask = {p.mask, extras.mask};
  a.rank = p.lead.rank();
  for (int d = 0; d < a.rank; ++d) a.lead[d] = p.lead[d];
  a.query_steps = steps_of(p.query_index);
  a.key_steps = steps_of(p.key_index);
  a.value_steps = steps_of(p.value_index);
  a.mask_steps = steps_of(p.mask_index);
  a.matrices = p.lead.numel();
  a.queries = p.queries;
  a.keys = p.keys;
  a.mask_row = p.mask_row;
  a.mask_col = p.mask_col;
  a.depth = static_cast<int>(p.depth);
  a.value_depth = static_cast<int>(p.value_depth);
  a.mask_kind = p.mask_kind;
  a.scale = static_cast<Compute<T>>(p.scale);
  a.kept = static_cast<Compute<T>>(p.dropout < 1 ? 1 / (1 - p.dropout) : 0);
  a.random = extras.random;
  a.drops = p.dropout > 0;
  a.threshold = static_cast<uint32_t>(std::ceil(p.dropout * 0x1p24));
  return a;
}

inline int64_t compute_bytes(DType dtype) { return dtype == DType::f64 ? 8 : 4; }

inline int64_t row_blocks(int64_t rows) { return (rows + own_rows - 1) / own_rows; }

inline LaunchConfig attention_config(int64_t matrices, int64_t rows, int64_t shared_bytes,
                                     StreamHandle stream) {
  const int64_t blocks = matrices * row_blocks(rows);
  GRADUS_CHECK(blocks <= 0x7fffffff,
               "[attention] {} rows of {} matrices are more than one launch "
               "can take",
               rows, matrices);
  return {.grid = {static_cast<unsigned>(blocks)},
          .block = {attention_threads},
          .shared_bytes = static_cast<size_t>(shared_bytes),
          .stream = stream};
}

// Calls f with a dtype's element and the number of columns that a lane has: 1, 2, 4 or 8.
template <class F>
void with_columns(int64_t width, F f) {
  if (width <= 32) return f(std::integral_constant<int, 1>{});
  if (width <= 64) return f(std::integral_constant<int, 2>{});
  if (width <= 128) return f(std::integral_constant<int, 4>{});
  f(std::integral_constant<int, 8>{});
}

template <class F>
void with_attention_type(DType dtype, F f) {
  switch (dtype) {
    case DType::f64:
      return f(double{});
    case DType::f32:
      return f(float{});
    case DType::f16:
      return f(f16{});
    case DType::bf16:
      return f(bf16{});
    default:
      failf(ErrorKind::unsupported, "attention", "no CUDA kernel for {}", dtype_name(dtype));
  }
}

}  // namespace
}  // namespace gradus::kernels
