// SPDX-License-Identifier: Apache-2.0
// Attention forward without an array of scores: maximum and sum of each row are kept while keys
// pass by (Dao 2023, "FlashAttention-2"). Products in f32 or f64, not on tensor cores. Not measured
// on hardware.
#include "kernels/cuda/attention_tiles.h"

namespace gradus::kernels {
namespace {

int64_t forward_bytes(const AttentionProblem& p) {
  return (own_rows * p.depth + tile_rows * (p.depth + 1 + p.value_depth + 1)) *
         compute_bytes(p.dtype);
}

// The softmax of one row so far.
template <class C>
struct RowSoftmax {
  C top = -C(__builtin_huge_val());
  C total = C(0);

  // Takes in this lane's score; gives its weight and what older sums are multiplied by.
  DEV C take(C score, C& older) {
    const C nothing = -C(__builtin_huge_val());
    const C highest = Max()(warp_reduce(score, Max()), top);
    const C weight = score == nothing ? C(0) : power_of_e(score - highest);
    older = top == nothing ? C(0) : power_of_e(top - highest);
    total = total * older + warp_reduce(weight, Sum());
    top = highest;
    return weight;
  }
};

template <class T, int Columns>
__global__ void __launch_bounds__(attention_threads)
    attention_forward(const __grid_constant__ Attention<T> p, T* out, void* logsumexp,
                      const DType statistics) {
  using C = Compute<T>;
  C* const own = attention_memory<C>();
  C* const key_tile = own + own_rows * p.depth;
  C* const value_tile = key_tile + tile_rows * (p.depth + 1);
  const int lane = static_cast<int>(threadIdx.x) % warp_size;
  const int64_t blocks = (p.queries + own_rows - 1) / own_rows;
  const int64_t n = blockIdx.x / blocks, first = blockIdx.x % blocks * own_rows;
  const int64_t warp_first = first + static_cast<int>(threadIdx.x) / warp_size * warp_rows;
  const int64_t mask_start = p.matrix(p.mask_steps, n);
  const PhiloxKey dropout_key = p.dropout_key();
  const T *keys = p.keys_of(n), *values = p.values_of(n);
  load_rows(own, p.depth, p.queries_of(n), first, p.queries, own_rows, p.depth);
  RowSoftmax<C> row[warp_rows];
  C sums[warp_rows][Columns] = {};
  const bool causal = p.mask_kind == MaskKind::causal;
  const int64_t end = causal && first + own_rows < p.keys ? first + own_rows : p.keys;
  for (int64_t start = 0; start < end; start += tile_rows) {
    __syncthreads();  // the tile before has been read
    load_rows(key_tile, p.depth + 1, keys, start, p.keys, tile_rows, p.depth);
    load_rows(value_tile, p.value_depth + 1, values, start, p.keys, tile_rows, p.value_depth);
    __syncthreads();
    C weight[warp_rows];
    products(weight, own, key_tile, p.depth);
#pragma unroll
    for (int r = 0; r < warp_rows; ++r) {
      const int64_t i = warp_first + r, j = start + lane;
      const bool exists = p.exists(i, j);
      const C score = exists ? p.score(mask_start, i, j, weight[r]) : -C(__builtin_huge_val());
      C older;
      weight[r] = row[r].take(score, older);
      if (exists) weight[r] *= p.kept_share(dropout_key, n, i, j);
#pragma unroll
      for (int c = 0; c < Columns; ++c) sums[r][c] *= older;
    }
    add_weighted(sums, weight, value_tile, p.value_depth);
  }
  C factor[warp_rows];
#pragma unroll
  for (int r = 0; r < warp_rows; ++r) {
    const bool empty = row[r].total == C(0);
    factor[r] = empty ? C(0) : C(1) / row[r].total;
    const int64_t i = warp_first + r;
    if (lane == 0 && i < p.queries) {
      const C value = empty ? C(__builtin_huge_val()) : row[r].top + natural_log(row[r].total);
      store_mixed<T>(logsumexp, statistics, n * p.queries + i, static_cast<double>(value));
    }
  }
  store_rows<Columns>(out + n * p.queries * p.value_depth, sums, factor, first, p.queries,
                      p.value_depth);
}

}  // namespace

bool attention_cuda_usable(const AttentionProblem& p, int64_t shared_bytes) {
  return p.depth <= most_depth && p.value_depth <= most_depth && forward_bytes(p) <= shared_bytes;
}

void attention_cuda(const AttentionArgs& args, const AttentionExtras& extras, StreamHandle stream) {
  const AttentionProblem& p = args.problem;
  if (p.lead.numel() == 0 || p.queries == 0) return;
  with_attention_type(p.dtype, [&](auto tag) {
    using T = decltype(tag);
    with_columns(p.value_depth, [&](auto columns) {
      launch(attention_forward<T, columns>,
             attention_config(p.lead.numel(), p.queries, forward_bytes(p), stream),
             device_attention<T>(p, extras), static_cast<T*>(args.out), args.logsumexp,
             extras.logsumexp);
    });
  });
}

}  // namespace gradus::kernels
