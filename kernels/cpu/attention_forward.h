// SPDX-License-Identifier: Apache-2.0
// The forward pass of attention by blocks.
#pragma once

#if defined(__AVX2__)

#include "kernels/cpu/attention_block.h"

namespace gradus::kernels {
namespace {

// Running maximum and sum of each query's exponentials.
struct RowState {
  float top[block], total[block], rescale[block];
};

// scores -> exp(score - top); totals and tops take the block in; rescale is what earlier sums are
// to be multiplied by.
inline void softmax_block(const Block& b, float* scores, RowState& state) {
  const float scale = late_scale(b.p);
  float base[block] = {};
  for (int64_t i = 0; i < b.queries(); ++i) {
    float* row = scores + i * block;
    finish_scores(b, i, row);
    Lanes most = Lanes::load(row);
    for (int64_t c = 16; c < columns_of(b, i); c += 16) most = max(most, Lanes::load(row + c));
    const float top = largest(most) * scale;
    const float next = top > state.top[i] ? top : state.top[i];
    base[i] = next == -infinity ? 0.f : next;
    state.rescale[i] = state.top[i] - base[i];
    state.top[i] = next;
  }
  for (int64_t i = 0; i < block; i += 16)
    exp_normal(Lanes::load(state.rescale + i)).store(state.rescale + i);
  for (int64_t i = 0; i < b.queries(); ++i) {
    float* row = scores + i * block;
    Lanes total = Lanes::zero();
    for (int64_t c = 0; c < columns_of(b, i); c += 16) {
      const Lanes e =
          exp_normal(fma(Lanes::load(row + c), Lanes::all(scale), Lanes::all(-base[i])));
      total = total + e;
      e.store(row + c);
    }
    state.total[i] = state.total[i] * state.rescale[i] + sum(total);
    if (b.p.dropout == 0) continue;
    float kept[block];
    kept_row(b, i, kept);
    for (int64_t c = 0; c < columns_of(b, i); c += 16)
      (Lanes::load(row + c) * Lanes::load(kept + c)).store(row + c);
  }
}

// All keys of one block of queries; their sums grow in rows of `wide` floats.
inline void attend_block(const AttentionArgs& args, const AttentionScratch& scratch, int64_t n,
                         int64_t i0) {
  const AttentionProblem& p = args.problem;
  const int64_t key_blocks = n / p.key_index.group * blocks_of(p.keys), wide = scratch.value_wide;
  float* base = static_cast<float*>(args.workspace);
  const float* q = matrix_of(p, p.query, p.query_index, n, p.queries, p.depth) + i0 * p.depth;
  float* out = static_cast<float*>(args.out) + (n * p.queries + i0) * p.value_depth;
  float* sums = wide == p.value_depth ? out : base + scratch.queries + (n * p.queries + i0) * wide;
  float* logsumexp = static_cast<float*>(args.logsumexp) + n * p.queries + i0;
  const int64_t queries = std::min(block, p.queries - i0);
  alignas(64) float scores[block * block];
  RowState state;
  std::fill_n(state.top, block, -infinity);
  std::fill_n(state.total, block, 0.f);
  std::fill_n(state.rescale, block, 0.f);
  const int64_t last = p.mask_kind == MaskKind::causal ? std::min(p.keys, i0 + queries) : p.keys;
  if (last == 0) std::fill_n(sums, queries * wide, 0.f);
  for (int64_t j0 = 0; j0 < last; j0 += block) {
    const Block b{p, n, i0, j0, p.mask_index.of(n, p.lead)};
    const int64_t at = (key_blocks + j0 / block) * block;
    panel_product({q, p.depth, 1}, queries,
                  {base + scratch.key_columns + at * p.depth, block / 16, p.depth, p.depth * 16},
                  scores, block, false, b.part(Part::lower_columns));
    softmax_block(b, scores, state);
    for (int64_t i = 0; i < queries && j0 > 0; ++i)
      scale_row(sums + i * wide, wide, state.rescale[i]);
    panel_product({scores, block, 1}, queries,
                  {base + scratch.value_panels + at * wide, wide / 16, b.keys(), block * 16}, sums,
                  wide, j0 > 0, b.part(Part::lower_left));
  }
  for (int64_t i = 0; i < queries; ++i) {
    const bool none = state.total[i] == 0.f;
    const Lanes factor = Lanes::all(none ? 0.f : 1.f / state.total[i]);
    for_lanes(p.value_depth, [&](int64_t c, int64_t count) {
      store(Lanes::load(sums + i * wide + c) * factor, out + i * p.value_depth + c, count);
    });
    logsumexp[i] = none ? infinity : state.top[i] + std::log(state.total[i]);
  }
}

// Block `task` of the keys and values of all matrices.
inline void pack_keys_and_values(const AttentionArgs& args, const AttentionScratch& scratch,
                                 int64_t task) {
  const AttentionProblem& p = args.problem;
  float* base = static_cast<float*>(args.workspace);
  const int64_t blocks = blocks_of(p.keys), n = task / blocks * p.key_index.group;
  const int64_t j0 = task % blocks * block, keys = std::min(block, p.keys - j0);
  pack_transposed(matrix_of(p, p.key, p.key_index, n, p.keys, p.depth) + j0 * p.depth, p.depth,
                  keys, p.depth, block / 16, base + scratch.key_columns + task * block * p.depth);
  pack_panels(matrix_of(p, p.value, p.value_index, n, p.keys, p.value_depth) + j0 * p.value_depth,
              p.value_depth, keys, p.value_depth, block,
              base + scratch.value_panels + task * block * scratch.value_wide);
}

inline void attention(const AttentionArgs& args) {
  const AttentionProblem& p = args.problem;
  const AttentionScratch scratch(p, false);
  parallel_for(p.lead.numel() / p.key_index.group * blocks_of(p.keys),
               [&](int64_t task) { pack_keys_and_values(args, scratch, task); });
  const int64_t blocks = blocks_of(p.queries);
  parallel_for(p.lead.numel() * blocks, [&](int64_t task) {
    const FlushDenormals flush;
    attend_block(args, scratch, task / blocks, task % blocks * block);
  });
}

}  // namespace
}  // namespace gradus::kernels

#endif
