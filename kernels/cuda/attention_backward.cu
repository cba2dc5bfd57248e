// SPDX-License-Identifier: Apache-2.0
// Gradients of attention, weights computed again from scores and logsumexp. One kernel takes d_i of
// each row, one sums over keys for the queries' gradient, one over queries for those of keys and
// values: no sum is shared between blocks. Products in f32 or f64, not on tensor cores. Not
// measured on hardware.
#include "kernels/cuda/attention_tiles.h"

namespace gradus::kernels {
namespace {

// What the backward pass is given beside the problem.
template <class T>
struct Given {
  const T *dout, *out;  // out: null where d_i is to be taken from the weights
  MixedNumbers logsumexp, dlogsumexp;
  Compute<T>* terms;  // d_i
};

// Two rows (query and dout, or key and value) for each own row, and two tiles.
int64_t backward_bytes(const AttentionProblem& p) {
  return (own_rows * (p.depth + p.value_depth) + tile_rows * (p.depth + 1 + p.value_depth + 1)) *
         compute_bytes(p.dtype);
}

// The parts of a block's shared memory.
template <class C>
struct Parts {
  C *own, *own_values, *tile, *value_tile;

  DEV Parts(int depth, int value_depth)
      : own(attention_memory<C>()),
        own_values(own + own_rows * depth),
        tile(own_values + own_rows * value_depth),
        value_tile(tile + tile_rows * (depth + 1)) {}
};

// What a block of own rows is: matrix n, rows from `first` on, this warp's from `warp_first` on.
struct Place {
  int64_t n, first, warp_first;
  int lane;

  DEV explicit Place(int64_t rows) {
    const int64_t blocks = (rows + own_rows - 1) / own_rows;
    n = blockIdx.x / blocks;
    first = blockIdx.x % blocks * own_rows;
    warp_first = first + static_cast<int>(threadIdx.x) / warp_size * warp_rows;
    lane = static_cast<int>(threadIdx.x) % warp_size;
  }
};

// exp(score - logsumexp) of a pair that exists.
template <class T>
DEV Compute<T> weight_of(const Attention<T>& p, const Given<T>& given, int64_t n,
                         int64_t mask_start, int64_t i, int64_t j, Compute<T> product) {
  const Compute<T> score = p.score(mask_start, i, j, product);
  if (score == -Compute<T>(__builtin_huge_val())) return Compute<T>(0);
  return power_of_e(score - given.logsumexp.template at<T>(n * p.queries + i));
}

// Calls f(r, weight, <dout_i, v_j> with dropout) for the pairs of this lane's row of every tile of
// keys with this warp's queries (zeros for those that do not exist), `after` behind each tile.
template <class T, class F, class After>
DEV void for_tiles_of_keys(const Attention<T>& p, const Given<T>& given, const Place& at,
                           const Parts<Compute<T>>& parts, F f, After after) {
  using C = Compute<T>;
  const PhiloxKey dropout_key = p.dropout_key();
  const int64_t mask_start = p.matrix(p.mask_steps, at.n);
  const T *keys = p.keys_of(at.n), *values = p.values_of(at.n);
  const bool causal = p.mask_kind == MaskKind::causal;
  const int64_t end = causal && at.first + own_rows < p.keys ? at.first + own_rows : p.keys;
  for (int64_t start = 0; start < end; start += tile_rows) {
    __syncthreads();  // the tile before has been read
    load_rows(parts.tile, p.depth + 1, keys, start, p.keys, tile_rows, p.depth);
    load_rows(parts.value_tile, p.value_depth + 1, values, start, p.keys, tile_rows, p.value_depth);
    __syncthreads();
    C score[warp_rows], slope[warp_rows];
    products(score, parts.own, parts.tile, p.depth);
    products(slope, parts.own_values, parts.value_tile, p.value_depth);
#pragma unroll
    for (int r = 0; r < warp_rows; ++r) {
      const int64_t i = at.warp_first + r, j = start + at.lane;
      if (!p.exists(i, j)) {
        f(r, C(0), C(0));
        continue;
      }
      const C weight = weight_of(p, given, at.n, mask_start, i, j, score[r]);
      f(r, weight, slope[r] * p.kept_share(dropout_key, at.n, i, j));
    }
    after();
  }
}

template <class T>
DEV void load_queries(const Attention<T>& p, const Given<T>& given, const Place& at,
                      const Parts<Compute<T>>& parts) {
  load_rows(parts.own, p.depth, p.queries_of(at.n), at.first, p.queries, own_rows, p.depth);
  load_rows(parts.own_values, p.value_depth, given.dout + at.n * p.queries * p.value_depth,
            at.first, p.queries, own_rows, p.value_depth);
}

// d_i = <dout_i, out_i> - dlogsumexp_i, or with the sum of the weights' products.
template <class T>
__global__ void __launch_bounds__(attention_threads)
    attention_terms(const __grid_constant__ Attention<T> p, const Given<T> given) {
  using C = Compute<T>;
  const Place at(p.queries);
  const Parts<C> parts(p.depth, p.value_depth);
  C sums[warp_rows] = {};
  if (given.out == nullptr) {
    load_queries(p, given, at, parts);
    for_tiles_of_keys(
        p, given, at, parts, [&](int r, C weight, C slope) { sums[r] += weight * slope; }, [] {});
  } else {
#pragma unroll
    for (int r = 0; r < warp_rows; ++r) {
      const int64_t i = at.warp_first + r, start = (at.n * p.queries + i) * p.value_depth;
      if (i >= p.queries) continue;
      for (int e = at.lane; e < p.value_depth; e += warp_size)
        sums[r] += widen(given.dout[start + e]) * widen(given.out[start + e]);
    }
  }
#pragma unroll
  for (int r = 0; r < warp_rows; ++r) {
    const int64_t i = at.warp_first + r, row = at.n * p.queries + i;
    const C sum = warp_reduce(sums[r], Sum());
    if (at.lane > 0 || i >= p.queries) continue;
    given.terms[row] =
        given.dlogsumexp.data != nullptr ? sum - given.dlogsumexp.template at<T>(row) : sum;
  }
}

template <class T, int Columns>
__global__ void __launch_bounds__(attention_threads)
    attention_dquery(const __grid_constant__ Attention<T> p, const Given<T> given, T* dquery) {
  using C = Compute<T>;
  const Place at(p.queries);
  const Parts<C> parts(p.depth, p.value_depth);
  load_queries(p, given, at, parts);
  C term[warp_rows], slopes[warp_rows], sums[warp_rows][Columns] = {}, factor[warp_rows];
#pragma unroll
  for (int r = 0; r < warp_rows; ++r) {
    const int64_t i = at.warp_first + r;
    term[r] = i < p.queries ? given.terms[at.n * p.queries + i] : C(0);
    factor[r] = p.scale;
  }
  for_tiles_of_keys(
      p, given, at, parts,
      [&](int r, C weight, C slope) {
        slopes[r] = weight == C(0) ? C(0) : weight * (slope - term[r]);
      },
      [&] { add_weighted(sums, slopes, parts.tile, p.depth); });
  store_rows<Columns>(dquery + at.n * p.queries * p.depth, sums, factor, at.first, p.queries,
                      p.depth);
}

// Own rows are keys and values; heads that share them are walked one after the other.
template <class T, int Columns>
__global__ void __launch_bounds__(attention_threads)
    attention_dkey(const __grid_constant__ Attention<T> p, const Given<T> given, T* dkey,
                   T* dvalue) {
  using C = Compute<T>;
  const Place at(p.keys);  // at.n counts matrices of keys
  const Parts<C> parts(p.depth, p.value_depth);
  const PhiloxKey dropout_key = p.dropout_key();
  const int64_t group = p.key_steps.group;
  C key_sums[warp_rows][Columns] = {}, value_sums[warp_rows][Columns] = {};
  for (int64_t head = 0; head < group; ++head) {
    const int64_t n = at.n * group + head;
    const int64_t mask_start = p.matrix(p.mask_steps, n);
    const T *queries = p.queries_of(n), *dout = given.dout + n * p.queries * p.value_depth;
    __syncthreads();  // the head before has been read
    load_rows(parts.own, p.depth, p.keys_of(n), at.first, p.keys, own_rows, p.depth);
    load_rows(parts.own_values, p.value_depth, p.values_of(n), at.first, p.keys, own_rows,
              p.value_depth);
    const int64_t begin =
        p.mask_kind == MaskKind::causal ? at.first / tile_rows * tile_rows : int64_t{0};
    for (int64_t start = begin; start < p.queries; start += tile_rows) {
      __syncthreads();  // the tile before has been read
      load_rows(parts.tile, p.depth + 1, queries, start, p.queries, tile_rows, p.depth);
      load_rows(parts.value_tile, p.value_depth + 1, dout, start, p.queries, tile_rows,
                p.value_depth);
      __syncthreads();
      C slopes[warp_rows], weights[warp_rows];
      products(weights, parts.own, parts.tile, p.depth);
      products(slopes, parts.own_values, parts.value_tile, p.value_depth);
#pragma unroll
      for (int r = 0; r < warp_rows; ++r) {
        const int64_t i = start + at.lane, j = at.warp_first + r;
        C weight = C(0), kept = C(0), term = C(0);
        if (p.exists(i, j)) {
          weight = weight_of(p, given, n, mask_start, i, j, weights[r]);
          kept = p.kept_share(dropout_key, n, i, j);
          term = given.terms[n * p.queries + i];
        }
        weights[r] = weight * kept;
        slopes[r] = weight == C(0) ? C(0) : weight * (slopes[r] * kept - term);
      }
      add_weighted(key_sums, slopes, parts.tile, p.depth);
      add_weighted(value_sums, weights, parts.value_tile, p.value_depth);
    }
  }
  C scales[warp_rows], ones[warp_rows];
#pragma unroll
  for (int r = 0; r < warp_rows; ++r) {
    scales[r] = p.scale;
    ones[r] = C(1);
  }
  store_rows<Columns>(dkey + at.n * p.keys * p.depth, key_sums, scales, at.first, p.keys, p.depth);
  store_rows<Columns>(dvalue + at.n * p.keys * p.value_depth, value_sums, ones, at.first, p.keys,
                      p.value_depth);
}

template <class T>
void launch_typed(const AttentionBackwardArgs& args, const AttentionExtras& extras,
                  StreamHandle stream) {
  const AttentionProblem& p = args.problem;
  const Attention<T> problem = device_attention<T>(p, extras);
  const Given<T> given{static_cast<const T*>(args.dout),
                       static_cast<const T*>(args.out),
                       {args.logsumexp, extras.logsumexp},
                       {args.dlogsumexp, extras.dlogsumexp},
                       static_cast<Compute<T>*>(args.workspace)};
  const int64_t matrices = p.lead.numel(), bytes = backward_bytes(p);
  if (p.queries > 0) {
    const LaunchConfig config = attention_config(matrices, p.queries, bytes, stream);
    launch(attention_terms<T>, config, problem, given);
    with_columns(p.depth, [&](auto columns) {
      launch(attention_dquery<T, columns>, config, problem, given, static_cast<T*>(args.dquery));
    });
  }
  if (p.keys == 0) return;
  const int64_t width = p.depth > p.value_depth ? p.depth : p.value_depth;
  with_columns(width, [&](auto columns) {
    launch(attention_dkey<T, columns>,
           attention_config(matrices / p.key_index.group, p.keys, bytes, stream), problem, given,
           static_cast<T*>(args.dkey), static_cast<T*>(args.dvalue));
  });
}

}  // namespace

bool attention_backward_cuda_usable(const AttentionProblem& p, int64_t shared_bytes) {
  return p.depth <= most_depth && p.value_depth <= most_depth && backward_bytes(p) <= shared_bytes;
}

int64_t attention_backward_cuda_workspace(const AttentionProblem& p) {
  return p.lead.numel() * p.queries * compute_bytes(p.dtype);
}

void attention_backward_cuda(const AttentionBackwardArgs& args, const AttentionExtras& extras,
                             StreamHandle stream) {
  if (args.problem.lead.numel() == 0) return;
  with_attention_type(args.problem.dtype,
                      [&](auto tag) { launch_typed<decltype(tag)>(args, extras, stream); });
}

}  // namespace gradus::kernels
