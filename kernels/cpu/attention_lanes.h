// SPDX-License-Identifier: Apache-2.0
// Attention in f32 by blocks of 64 queries and 64 keys (Dao, "FlashAttention-2", 2023), included by
// attention_avx2.cpp and attention_avx512.cpp. Loops over the keys of a block run to 64 whatever
// the mask: what is masked out is selected away, because short loops cost more than the work they
// save.
#pragma once

#if defined(__AVX2__)

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/parallel.h"
#include "kernels/attention.h"
#include "kernels/cpu/lanes_product.h"

namespace gradus::kernels {
namespace {

constexpr int64_t block = 64;
constexpr float infinity = std::numeric_limits<float>::infinity();

inline int64_t blocks_of(int64_t count) { return (count + block - 1) / block; }

// `rows` (at most 64) rows of x (rows, cols), transposed to (cols, 64) and filled up with zeros.
inline void transpose_block(const float* x, int64_t rows, int64_t cols, float* out) {
  for (int64_t c = 0; c < cols; ++c)
    for (int64_t r = 0; r < block; ++r) out[c * block + r] = r < rows ? x[r * cols + c] : 0.f;
}

// All blocks of the key (or value) matrices, transposed: (matrices, key blocks, cols, 64).
inline void transpose_keys(const AttentionProblem& p, const void* x, const MatrixIndex& index,
                           int64_t cols, float* out) {
  const int64_t blocks = blocks_of(p.keys);
  parallel_for(p.lead.numel() / p.key_index.group * blocks, [&](int64_t task) {
    const int64_t n = task / blocks * p.key_index.group, j0 = task % blocks * block;
    const float* matrix = static_cast<const float*>(x) + index.of(n, p.lead) * p.keys * cols;
    transpose_block(matrix + j0 * cols, std::min(block, p.keys - j0), cols,
                    out + task * cols * block);
  });
}

// Block (i0, j0) of matrix n: what the rows of scores need.
struct Block {
  const AttentionProblem& p;
  int64_t n, i0, j0;
  int64_t mask;  // offset of matrix n's mask

  int64_t queries() const { return std::min(block, p.queries - i0); }
  int64_t keys() const { return std::min(block, p.keys - j0); }
  bool plain() const { return p.mask_kind == MaskKind::none && keys() == block; }
  // How many of the block's keys query i (from i0) may see, as far as lengths and causality go.
  int64_t visible(int64_t i) const {
    return p.mask_kind == MaskKind::causal ? std::min(keys(), i0 + i - j0 + 1) : keys();
  }
};

// The mask of query i as numbers to add.
inline void mask_row(const Block& b, int64_t i, float* row) {
  const AttentionProblem& p = b.p;
  const int64_t at = b.mask + (b.i0 + i) * p.mask_row + b.j0 * p.mask_col;
  const auto* bytes = static_cast<const uint8_t*>(p.mask);
  const auto* numbers = static_cast<const float*>(p.mask);
  for (int64_t j = 0; j < b.keys(); ++j)
    row[j] = p.mask_kind == MaskKind::additive ? numbers[at + j * p.mask_col]
             : bytes[at + j * p.mask_col] != 0 ? 0.f
                                               : -infinity;
}

// Turns products <q, k> into scores: scaled and masked.
inline void finish_scores(const Block& b, int64_t i, float* row) {
  const Lanes scale = Lanes::all(static_cast<float>(b.p.scale));
  const int64_t visible = b.visible(i);
  const bool added = b.p.mask_kind == MaskKind::boolean || b.p.mask_kind == MaskKind::additive;
  float mask[block];
  if (added) mask_row(b, i, mask);
  for (int64_t c = 0; c < block; c += 16) {
    Lanes s = Lanes::load(row + c) * scale;
    if (added) s = s + load(mask + c, std::clamp<int64_t>(b.keys() - c, 0, 16));
    if (!b.plain()) s = first(visible - c, s, Lanes::all(-infinity));
    s.store(row + c);
  }
}

// What dropout multiplies the weights of query i by.
inline void kept_row(const Block& b, int64_t i, float* row) {
  const AttentionProblem& p = b.p;
  const int64_t start = (b.n * p.queries + b.i0 + i) * p.keys + b.j0;
  const float keep = static_cast<float>(1 / (1 - p.dropout));
  for (int64_t j = 0; j < block; ++j) {
    const auto index = static_cast<uint64_t>(start + std::min(j, b.keys() - 1));
    const float u = uniform_float(philox_word(p.dropout_key, index));
    row[j] = static_cast<double>(u) >= p.dropout ? keep : 0.f;
  }
}

// Running maximum and sum of each query's exponentials.
struct RowState {
  float top[block], total[block], rescale[block];
};

// scores -> exp(score - top); totals and tops take the block in; rescale is what earlier sums are
// to be multiplied by.
inline void softmax_block(const Block& b, float* scores, RowState& state) {
  float base[block] = {};
  for (int64_t i = 0; i < b.queries(); ++i) {
    float* row = scores + i * block;
    finish_scores(b, i, row);
    const float top = largest(max(max(Lanes::load(row), Lanes::load(row + 16)),
                                  max(Lanes::load(row + 32), Lanes::load(row + 48))));
    const float next = top > state.top[i] ? top : state.top[i];
    base[i] = next == -infinity ? 0.f : next;
    state.rescale[i] = state.top[i] - base[i];
    state.top[i] = next;
  }
  for (int64_t i = 0; i < block; i += 16)
    exp(Lanes::load(state.rescale + i)).store(state.rescale + i);
  for (int64_t i = 0; i < b.queries(); ++i) {
    float* row = scores + i * block;
    Lanes total = Lanes::zero();
    for (int64_t c = 0; c < block; c += 16) {
      const Lanes e = exp(Lanes::load(row + c) - Lanes::all(base[i]));
      total = total + e;
      e.store(row + c);
    }
    state.total[i] = state.total[i] * state.rescale[i] + sum(total);
    if (b.p.dropout == 0) continue;
    float kept[block];
    kept_row(b, i, kept);
    for (int64_t c = 0; c < block; c += 16)
      (Lanes::load(row + c) * Lanes::load(kept + c)).store(row + c);
  }
}

inline void scale_row(float* row, int64_t cols, float factor) {
  const Lanes f = Lanes::all(factor);
  for (int64_t c = 0; c < cols; c += 16) (Lanes::load(row + c) * f).store(row + c);
}

// All keys of one block of queries. Sums grow in the output itself.
inline void attend_block(const AttentionArgs& args, int64_t n, int64_t i0) {
  const AttentionProblem& p = args.problem;
  const int64_t shared = n / p.key_index.group, blocks = blocks_of(p.keys);
  const float* q =
      static_cast<const float*>(p.query) + (p.query_index.of(n, p.lead) * p.queries + i0) * p.depth;
  const float* v =
      static_cast<const float*>(p.value) + p.value_index.of(n, p.lead) * p.keys * p.value_depth;
  const float* keys = static_cast<const float*>(args.workspace) + shared * blocks * p.depth * block;
  float* out = static_cast<float*>(args.out) + (n * p.queries + i0) * p.value_depth;
  float* logsumexp = static_cast<float*>(args.logsumexp) + n * p.queries + i0;
  const int64_t queries = std::min(block, p.queries - i0);
  alignas(64) float scores[block * block];
  RowState state;
  std::fill_n(state.top, block, -infinity);
  std::fill_n(state.total, block, 0.f);
  std::fill_n(state.rescale, block, 0.f);
  std::fill_n(out, queries * p.value_depth, 0.f);
  const int64_t last = p.mask_kind == MaskKind::causal ? std::min(p.keys, i0 + queries) : p.keys;
  for (int64_t j0 = 0; j0 < last; j0 += block) {
    const Block b{p, n, i0, j0, p.mask_index.of(n, p.lead)};
    product({q, p.depth, 1}, queries, keys + j0 * p.depth, block, p.depth, scores, block, block,
            false);
    softmax_block(b, scores, state);
    for (int64_t i = 0; i < queries && j0 > 0; ++i)
      scale_row(out + i * p.value_depth, p.value_depth, state.rescale[i]);
    product({scores, block, 1}, queries, v + j0 * p.value_depth, p.value_depth, b.keys(), out,
            p.value_depth, p.value_depth, true);
  }
  for (int64_t i = 0; i < queries; ++i) {
    const bool none = state.total[i] == 0.f;
    scale_row(out + i * p.value_depth, p.value_depth, none ? 0.f : 1.f / state.total[i]);
    logsumexp[i] = none ? infinity : state.top[i] + std::log(state.total[i]);
  }
}

inline void attention(const AttentionArgs& args) {
  const AttentionProblem& p = args.problem;
  transpose_keys(p, p.key, p.key_index, p.depth, static_cast<float*>(args.workspace));
  const int64_t blocks = blocks_of(p.queries);
  parallel_for(p.lead.numel() * blocks, [&](int64_t task) {
    const FlushDenormals flush;
    attend_block(args, task / blocks, task % blocks * block);
  });
}

// The workspace of the backward pass, in floats.
struct BackwardParts {
  int64_t keys, values;  // transposed keys, transposed values; then d of each row

  explicit BackwardParts(const AttentionProblem& p)
      : keys(p.lead.numel() / p.key_index.group * blocks_of(p.keys) * block * p.depth),
        values(keys / p.depth * p.value_depth) {}
};

// d_i = <dout_i, out_i> - dlogsumexp_i of every row.
inline void row_terms(const AttentionBackwardArgs& args, float* terms) {
  const AttentionProblem& p = args.problem;
  parallel_range(p.lead.numel() * p.queries, block, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* dout = static_cast<const float*>(args.dout) + i * p.value_depth;
      const float* out = static_cast<const float*>(args.out) + i * p.value_depth;
      Lanes dot = Lanes::zero();
      for (int64_t c = 0; c < p.value_depth; c += 16)
        dot = fma(Lanes::load(dout + c), Lanes::load(out + c), dot);
      terms[i] = sum(dot) - (args.dlogsumexp ? static_cast<const float*>(args.dlogsumexp)[i] : 0.f);
    }
  });
}

// weights: products <q, k> -> weights with dropout; gradients: <dout, v> -> scale * ds.
inline void score_gradients(const Block& b, const float* logsumexp, const float* terms,
                            float* weights, float* gradients) {
  const Lanes scale = Lanes::all(static_cast<float>(b.p.scale));
  for (int64_t i = 0; i < b.queries(); ++i) {
    float *w = weights + i * block, *g = gradients + i * block, kept[block];
    finish_scores(b, i, w);
    if (b.p.dropout != 0) kept_row(b, i, kept);
    const Lanes shift = Lanes::all(logsumexp[i]), term = Lanes::all(terms[i]);
    for (int64_t c = 0; c < block; c += 16) {
      const Lanes p = exp(Lanes::load(w + c) - shift);
      const Lanes keep = b.p.dropout != 0 ? Lanes::load(kept + c) : Lanes::all(1.f);
      (p * (Lanes::load(g + c) * keep - term) * scale).store(g + c);
      (p * keep).store(w + c);
    }
  }
}

// Adds what queries i0.. of matrix n give to the gradients of keys j0.. and of themselves.
inline void backward_block(const AttentionBackwardArgs& args, const BackwardParts& parts,
                           const Block& b) {
  const AttentionProblem& p = args.problem;
  const int64_t shared = b.n / p.key_index.group, row = b.n * p.queries + b.i0;
  const int64_t key_block = shared * blocks_of(p.keys) * block + b.j0;
  const float* scratch = static_cast<const float*>(args.workspace);
  const float* q = static_cast<const float*>(p.query) +
                   (p.query_index.of(b.n, p.lead) * p.queries + b.i0) * p.depth;
  const float* k =
      static_cast<const float*>(p.key) + (p.key_index.of(b.n, p.lead) * p.keys + b.j0) * p.depth;
  const float* dout = static_cast<const float*>(args.dout) + row * p.value_depth;
  float* dkey = static_cast<float*>(args.dkey) + (shared * p.keys + b.j0) * p.depth;
  float* dvalue = static_cast<float*>(args.dvalue) + (shared * p.keys + b.j0) * p.value_depth;
  const int64_t queries = b.queries(), keys = b.keys();
  alignas(64) float weights[block * block];
  alignas(64) float gradients[block * block];
  product({q, p.depth, 1}, queries, scratch + key_block * p.depth, block, p.depth, weights, block,
          block, false);
  product({dout, p.value_depth, 1}, queries, scratch + parts.keys + key_block * p.value_depth,
          block, p.value_depth, gradients, block, block, false);
  score_gradients(b, static_cast<const float*>(args.logsumexp) + row,
                  scratch + parts.keys + parts.values + row, weights, gradients);
  product({weights, 1, block}, keys, dout, p.value_depth, queries, dvalue, p.value_depth,
          p.value_depth, true);
  product({gradients, 1, block}, keys, q, p.depth, queries, dkey, p.depth, p.depth, true);
  product({gradients, block, 1}, queries, k, p.depth, keys,
          static_cast<float*>(args.dquery) + row * p.depth, p.depth, p.depth, true);
}

// All of one key matrix: its keys' blocks in order, within them the heads that share it, within
// them the blocks of queries.
inline void backward_shared(const AttentionBackwardArgs& args, const BackwardParts& parts,
                            int64_t shared) {
  const AttentionProblem& p = args.problem;
  const int64_t group = p.key_index.group;
  const auto clear = [](void* x, int64_t begin, int64_t count) {
    std::fill_n(static_cast<float*>(x) + begin, count, 0.f);
  };
  clear(args.dquery, shared * group * p.queries * p.depth, group * p.queries * p.depth);
  clear(args.dkey, shared * p.keys * p.depth, p.keys * p.depth);
  clear(args.dvalue, shared * p.keys * p.value_depth, p.keys * p.value_depth);
  for (int64_t j0 = 0; j0 < p.keys; j0 += block)
    for (int64_t n = shared * group; n < (shared + 1) * group; ++n)
      for (int64_t i0 = p.mask_kind == MaskKind::causal ? j0 : 0; i0 < p.queries; i0 += block)
        backward_block(args, parts, {p, n, i0, j0, p.mask_index.of(n, p.lead)});
}

inline void attention_backward(const AttentionBackwardArgs& args) {
  const AttentionProblem& p = args.problem;
  const BackwardParts parts(p);
  float* scratch = static_cast<float*>(args.workspace);
  transpose_keys(p, p.key, p.key_index, p.depth, scratch);
  transpose_keys(p, p.value, p.value_index, p.value_depth, scratch + parts.keys);
  row_terms(args, scratch + parts.keys + parts.values);
  parallel_for(p.lead.numel() / p.key_index.group, [&](int64_t shared) {
    const FlushDenormals flush;
    backward_shared(args, parts, shared);
  });
}

}  // namespace
}  // namespace gradus::kernels

#endif
