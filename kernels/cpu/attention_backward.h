// SPDX-License-Identifier: Apache-2.0
// The backward pass of attention by blocks. A task owns every `parts`-th block of keys of one
// matrix of keys, with all queries that see them, and adds to its own dquery; these are added in
// order.
#pragma once

#if defined(__AVX2__)

#include "kernels/cpu/attention_block.h"

namespace gradus::kernels {
namespace {

// One call's operands and scratch.
struct Backward {
  const AttentionBackwardArgs& args;
  const AttentionProblem& p = args.problem;
  AttentionScratch scratch{p, true};
  float* base = static_cast<float*>(args.workspace);

  const float* query(int64_t n, int64_t i0) const {
    return matrix_of(p, p.query, p.query_index, n, p.queries, p.depth) + i0 * p.depth;
  }
  const float* dout(int64_t n, int64_t i0) const {
    return static_cast<const float*>(args.dout) + (n * p.queries + i0) * p.value_depth;
  }
  AttentionRow<float>* rows(int64_t n, int64_t i0) const {
    return reinterpret_cast<AttentionRow<float>*>(base + scratch.row_terms) + n * p.queries + i0;
  }
  float dlogsumexp(int64_t n, int64_t i) const {
    return args.dlogsumexp ? static_cast<const float*>(args.dlogsumexp)[n * p.queries + i] : 0.f;
  }
  const float* logsumexp(int64_t n, int64_t i0) const {
    return static_cast<const float*>(args.logsumexp) + n * p.queries + i0;
  }
  // Sums of a part's dquery, of dkey and of dvalue, in rows of `wide` or `value_wide`.
  float* dquery(int64_t part, int64_t row) const {
    const bool direct = scratch.wide == p.depth;
    const int64_t copy = direct ? part - 1 : part;
    float* sums = copy < 0
                      ? static_cast<float*>(args.dquery)
                      : base + scratch.queries + copy * p.lead.numel() * p.queries * scratch.wide;
    return sums + row * scratch.wide;
  }
  float* dkey(int64_t row) const {
    float* sums =
        scratch.wide == p.depth ? static_cast<float*>(args.dkey) : base + scratch.key_sums;
    return sums + row * scratch.wide;
  }
  float* dvalue(int64_t row) const {
    float* sums = scratch.value_wide == p.value_depth ? static_cast<float*>(args.dvalue)
                                                      : base + scratch.value_sums;
    return sums + row * scratch.value_wide;
  }

  // Packed blocks, `at` rows from the first: blocks * 64.
  Panels key_columns(int64_t at) const {
    return {base + scratch.key_columns + at * p.depth, block / 16, p.depth, p.depth * 16};
  }
  Panels value_columns(int64_t at) const {
    return {base + scratch.value_columns + at * p.value_depth, block / 16, p.value_depth,
            p.value_depth * 16};
  }
  Panels panels(int64_t start, int64_t at, int64_t wide, int64_t depth) const {
    return {base + start + at * wide, wide / 16, depth, block * 16};
  }

  // Block `b` of matrix `shared` of keys and values.
  void pack_keys(int64_t shared, int64_t b) const {
    const int64_t n = shared * p.key_index.group, j0 = b * block;
    const int64_t keys = std::min(block, p.keys - j0),
                  at = (shared * blocks_of(p.keys) + b) * block;
    const float* k = matrix_of(p, p.key, p.key_index, n, p.keys, p.depth) + j0 * p.depth;
    const float* v =
        matrix_of(p, p.value, p.value_index, n, p.keys, p.value_depth) + j0 * p.value_depth;
    pack_transposed(k, p.depth, keys, p.depth, block / 16,
                    base + scratch.key_columns + at * p.depth);
    pack_transposed(v, p.value_depth, keys, p.value_depth, block / 16,
                    base + scratch.value_columns + at * p.value_depth);
    pack_panels(k, p.depth, keys, p.depth, block, base + scratch.key_panels + at * scratch.wide);
  }
  // Block `b` of the queries and dout of matrix n, and d_i where out gives it.
  void pack_queries(int64_t n, int64_t b) const {
    const int64_t i0 = b * block, queries = std::min(block, p.queries - i0);
    const int64_t at = (n * blocks_of(p.queries) + b) * block;
    pack_panels(query(n, i0), p.depth, queries, p.depth, block,
                base + scratch.query_panels + at * scratch.wide);
    pack_panels(dout(n, i0), p.value_depth, queries, p.value_depth, block,
                base + scratch.dout_panels + at * scratch.value_wide);
    const auto* out = static_cast<const float*>(args.out);
    for (int64_t i = 0; i < queries; ++i) {
      const int64_t row = n * p.queries + i0 + i;
      Lanes dot = Lanes::zero();
      if (out)
        for_lanes(p.value_depth, [&](int64_t c, int64_t count) {
          dot = fma(load(dout(n, i0 + i) + c, count), load(out + row * p.value_depth + c, count),
                    dot);
        });
      rows(n, i0)[i] = {1.f, sum(dot) - dlogsumexp(n, i0 + i)};
    }
  }

  // Products <q, k> and <dout, v> of a block.
  void products(const Block& b, float* weights, float* gradients) const {
    const int64_t at = (b.n / p.key_index.group * blocks_of(p.keys)) * block + b.j0;
    panel_product({query(b.n, b.i0), p.depth, 1}, b.queries(), key_columns(at), weights, block,
                  false, b.part(Part::lower_columns));
    panel_product({dout(b.n, b.i0), p.value_depth, 1}, b.queries(), value_columns(at), gradients,
                  block, false, b.part(Part::lower_columns));
  }
};

// Products <q, k> of query i -> weights before dropout, and what dropout multiplies them by.
inline void weight_row(const Block& b, int64_t i, float logsumexp, float norm, float* w,
                       float* kept) {
  const Lanes scale = Lanes::all(late_scale(b.p)), shift = Lanes::all(-logsumexp);
  finish_scores(b, i, w);
  if (b.p.dropout != 0)
    kept_row(b, i, kept);
  else
    std::fill_n(kept, block, 1.f);
  for (int64_t c = 0; c < columns_of(b, i); c += 16)
    exp_normal(fma(Lanes::load(w + c), scale, shift)).store(w + c);
  if (norm != 1.f) scale_row(w, columns_of(b, i), norm);
}

// What refine_row takes of one row: its weights' sum, their product with <dout, v> and the largest
// of these.
struct RowSums {
  float total = 0, dot = 0, most = 0;

  void add(const Block& b, int64_t i, const float* w, const float* kept, const float* g) {
    Lanes sums = Lanes::zero(), products = sums, largest_one = sums;
    for (int64_t c = 0; c < columns_of(b, i); c += 16) {
      // Beyond what query i sees, g may hold what the stack held before.
      const Lanes given = first(b.visible(i) - c, Lanes::load(g + c), Lanes::zero());
      const Lanes x = Lanes::load(w + c), y = given * Lanes::load(kept + c);
      sums = sums + x;
      products = fma(x, y, products);
      largest_one = max(largest_one, max(y, Lanes::zero() - y));
    }
    total += sum(sums);
    dot += sum(products);
    most = std::max(most, largest(largest_one));
  }
};

inline void refine(const Backward& work, int64_t n, int64_t i, const RowSums& sums) {
  AttentionRow<float>& row = *work.rows(n, i);
  row =
      refine_row(std::numeric_limits<float>::epsilon(), *work.logsumexp(n, i),
                 work.dlogsumexp(n, i), row.term, !work.args.out, sums.total, sums.dot, sums.most);
}

// The rows of a block of queries anew, over all keys.
inline void refine_rows(const Backward& work, int64_t n, int64_t i0) {
  const AttentionProblem& p = work.p;
  alignas(64) float weights[block * block], gradients[block * block];
  const int64_t queries = std::min(block, p.queries - i0);
  const int64_t last = p.mask_kind == MaskKind::causal ? std::min(p.keys, i0 + queries) : p.keys;
  RowSums sums[block];
  for (int64_t j0 = 0; j0 < last; j0 += block) {
    const Block b{p, n, i0, j0, p.mask_index.of(n, p.lead)};
    work.products(b, weights, gradients);
    for (int64_t i = 0; i < queries; ++i) {
      float *w = weights + i * block, *g = gradients + i * block, kept[block];
      weight_row(b, i, work.logsumexp(n, i0)[i], 1.f, w, kept);
      sums[i].add(b, i, w, kept, g);
    }
  }
  for (int64_t i = 0; i < queries; ++i) refine(work, n, i0 + i, sums[i]);
}

// Whether the rows of a block of queries need that pass: a rounded out, or a logsumexp so large
// that its rounding is seen in the weights. One block of keys needs no pass of its own.
inline bool needs_refinement(const Backward& work, int64_t n, int64_t i0) {
  const AttentionProblem& p = work.p;
  if (p.keys <= block) return false;
  if (!work.args.out) return true;
  constexpr float large = 16;
  const float* rows = work.logsumexp(n, i0);
  return std::any_of(rows, rows + std::min(block, p.queries - i0),
                     [](float x) { return std::abs(x) > large && x < infinity; });
}

// weights: products <q, k> -> weights with dropout; gradients: <dout, v> -> scale * ds.
inline void score_gradients(const Backward& work, const Block& b, float* weights,
                            float* gradients) {
  const Lanes scale = Lanes::all(static_cast<float>(b.p.scale));
  for (int64_t i = 0; i < b.queries(); ++i) {
    float *w = weights + i * block, *g = gradients + i * block, kept[block];
    const AttentionRow<float>& row = work.rows(b.n, b.i0)[i];
    weight_row(b, i, work.logsumexp(b.n, b.i0)[i], row.norm, w, kept);
    if (b.p.keys <= block) {
      RowSums sums;
      sums.add(b, i, w, kept, g);
      refine(work, b.n, b.i0 + i, sums);
      if (row.norm != 1.f) scale_row(w, columns_of(b, i), row.norm);
    }
    const Lanes term = Lanes::all(row.term);
    for (int64_t c = 0; c < columns_of(b, i); c += 16) {
      const Lanes p = Lanes::load(w + c), keep = Lanes::load(kept + c);
      (p * (Lanes::load(g + c) * keep - term) * scale).store(g + c);
      (p * keep).store(w + c);
    }
  }
}

// Adds what queries i0.. of matrix n give to the gradients of keys j0.. and of themselves.
inline void backward_block(const Backward& work, int64_t part, const Block& b) {
  const AttentionProblem& p = work.p;
  const AttentionScratch& scratch = work.scratch;
  const int64_t shared = b.n / p.key_index.group, queries = b.queries(), keys = b.keys();
  const int64_t key_row = shared * p.keys + b.j0;
  const int64_t key_at = shared * blocks_of(p.keys) * block + b.j0;
  const int64_t query_at = b.n * blocks_of(p.queries) * block + b.i0;
  alignas(64) float weights[block * block], gradients[block * block];
  work.products(b, weights, gradients);
  score_gradients(work, b, weights, gradients);
  panel_product({weights, 1, block}, keys,
                work.panels(scratch.dout_panels, query_at, scratch.value_wide, queries),
                work.dvalue(key_row), scratch.value_wide, true, b.part(Part::upper_left));
  panel_product({gradients, 1, block}, keys,
                work.panels(scratch.query_panels, query_at, scratch.wide, queries),
                work.dkey(key_row), scratch.wide, true, b.part(Part::upper_left));
  panel_product(
      {gradients, block, 1}, queries, work.panels(scratch.key_panels, key_at, scratch.wide, keys),
      work.dquery(part, b.n * p.queries + b.i0), scratch.wide, true, b.part(Part::lower_left));
}

// The blocks of keys of one part of one key matrix, in order; within them the heads that share it,
// within them the blocks of queries.
inline void backward_part(const Backward& work, int64_t shared, int64_t part) {
  const AttentionProblem& p = work.p;
  const AttentionScratch& scratch = work.scratch;
  const int64_t group = p.key_index.group, first = shared * group;
  std::fill_n(work.dquery(part, first * p.queries), group * p.queries * scratch.wide, 0.f);
  for (int64_t b = part; b < blocks_of(p.keys); b += scratch.parts) {
    const int64_t j0 = b * block, keys = std::min(block, p.keys - j0);
    work.pack_keys(shared, b);
    std::fill_n(work.dkey(shared * p.keys + j0), keys * scratch.wide, 0.f);
    std::fill_n(work.dvalue(shared * p.keys + j0), keys * scratch.value_wide, 0.f);
    for (int64_t n = first; n < first + group; ++n)
      for (int64_t i0 = p.mask_kind == MaskKind::causal ? j0 : 0; i0 < p.queries; i0 += block)
        backward_block(work, part, {p, n, i0, j0, p.mask_index.of(n, p.lead)});
  }
}

// Rows of `wide` floats to rows of `cols`.
inline void narrow_rows(const float* from, int64_t wide, void* to, int64_t rows, int64_t cols) {
  if (wide == cols) return;
  parallel_range(rows, block, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      std::copy_n(from + r * wide, cols, static_cast<float*>(to) + r * cols);
  });
}

// Adds the parts' dquery in order, and brings all gradients to their width.
inline void finish_gradients(const Backward& work) {
  const AttentionProblem& p = work.p;
  const int64_t wide = work.scratch.wide, rows = p.lead.numel() * p.queries;
  const int64_t key_rows = p.lead.numel() / p.key_index.group * p.keys;
  if (work.scratch.parts > 1)
    parallel_range(rows, block, [&](int64_t begin, int64_t end) {
      float* sums = work.dquery(0, begin);
      for (int64_t part = 1; part < work.scratch.parts; ++part)
        for (int64_t c = 0; c < (end - begin) * wide; c += 16)
          (Lanes::load(sums + c) + Lanes::load(work.dquery(part, begin) + c)).store(sums + c);
    });
  narrow_rows(work.dquery(0, 0), wide, work.args.dquery, rows, p.depth);
  narrow_rows(work.dkey(0), wide, work.args.dkey, key_rows, p.depth);
  narrow_rows(work.dvalue(0), work.scratch.value_wide, work.args.dvalue, key_rows, p.value_depth);
}

inline void attention_backward(const AttentionBackwardArgs& args) {
  const Backward work{args};
  const AttentionProblem& p = args.problem;
  const int64_t shared = p.lead.numel() / p.key_index.group, parts = work.scratch.parts;
  const int64_t key_blocks = blocks_of(p.keys), query_blocks = blocks_of(p.queries);
  parallel_for(p.lead.numel() * query_blocks,
               [&](int64_t task) { work.pack_queries(task / query_blocks, task % query_blocks); });
  bool refined = false;
  for (int64_t task = 0; task < p.lead.numel() * query_blocks && !refined; ++task)
    refined = needs_refinement(work, task / query_blocks, task % query_blocks * block);
  if (refined) {
    parallel_for(shared * key_blocks,
                 [&](int64_t task) { work.pack_keys(task / key_blocks, task % key_blocks); });
    parallel_for(p.lead.numel() * query_blocks, [&](int64_t task) {
      const FlushDenormals flush;
      const int64_t n = task / query_blocks, i0 = task % query_blocks * block;
      if (needs_refinement(work, n, i0)) refine_rows(work, n, i0);
    });
  }
  parallel_for(shared * parts, [&](int64_t task) {
    const FlushDenormals flush;
    backward_part(work, task / parts, task % parts);
  });
  finish_gradients(work);
}

}  // namespace
}  // namespace gradus::kernels

#endif
