// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "engine/base/dtype.h"
#include "engine/base/philox.h"
#include "engine/base/shape.h"
#include "kernels/random.h"

namespace gradus::kernels {

// Which matrix of one operand belongs to matrix n of the result: an operand may be broadcast along
// leading dims (step 0), and `group` neighbouring heads (last leading dim) may share a matrix of
// key and value (grouped queries).
struct MatrixIndex {
  std::array<int64_t, Shape::max_rank> steps{};
  int64_t group = 1;

  int64_t of(int64_t n, const Shape& lead) const {
    int64_t index = 0;
    for (int d = lead.rank() - 1; d >= 0; --d) {
      int64_t position = n % lead[d];
      n /= lead[d];
      if (d == lead.rank() - 1) position /= group;
      index += position * steps[static_cast<size_t>(d)];
    }
    return index;
  }
};

enum class MaskKind { none, causal, boolean, additive };

// What the forward and the backward pass have in common. Each of the lead.numel() result matrices n
// has queries (queries, depth), keys (keys, depth) and values (keys, value_depth), dense row-major,
// and scores s[i, j] = scale * <q_i, k_j> + mask, where
//   causal     j > i is masked out (top-left aligned, whatever the lengths)
//   boolean    bytes; 0 masks out
//   additive   numbers of `dtype` are added; -inf masks out
// mask element (i, j) of matrix n lies at mask_index.of(n) + i * mask_row + j * mask_col.
// dropout > 0: weight (n, i, j) is kept, and divided by 1 - dropout, iff
// uniform_float(philox_word(dropout_key, (n * queries + i) * keys + j)) >= dropout.
struct AttentionProblem {
  DType dtype;  // f32 or f64
  const void *query, *key, *value, *mask;
  Shape lead;
  int64_t queries, keys, depth, value_depth;
  MatrixIndex query_index, key_index, value_index, mask_index;
  MaskKind mask_kind;
  int64_t mask_row, mask_col;
  double scale;
  double dropout;
  PhiloxKey dropout_key;
};

// out_i = sum_j p_ij v_j with p = softmax over j of s, logsumexp_i = log sum_j exp(s_ij). A row
// without a key that is not masked out gives 0, and +inf, so that exp(s - logsumexp) is 0 for it.
// out (lead, queries, value_depth) and logsumexp (lead, queries) are dense.
struct AttentionArgs {
  AttentionProblem problem;
  void *out, *logsumexp;
  void* workspace = nullptr;
};

int64_t attention_workspace(const AttentionProblem& problem);  // of attention_cpu
void attention_cpu(const AttentionArgs& args);

// With p = exp(s - logsumexp) (dropout as above applied where the values are weighted) and
// d_i = <dout_i, out_i> - dlogsumexp_i:
//   dvalue_j = sum_i p_ij dout_i, ds_ij = p_ij (<dout_i, v_j> - d_i),
//   dquery_i = scale * sum_j ds_ij k_j, dkey_j = scale * sum_i ds_ij q_i.
// Exactly this formula, whatever out and logsumexp are. Where out is null,
// d_i = sum_j p_ij <dout_i, v_j> - dlogsumexp_i: the same number at twice the products, for an out
// that was stored rounded (the differences <dout_i, v_j> - d_i would show it). A logsumexp and an
// out that are those of the scores are rounded too, which a large logsumexp shows in p and weights
// near 1 in the differences: what belongs to the scores to rounding may be taken from them anew
// (refine_row). dquery is (lead,
// queries, depth); dkey and dvalue are (key_lead, keys, ...): lead with its last dim divided by the
// group (not summed over broadcast dims). dlogsumexp may be null (0).
struct AttentionBackwardArgs {
  AttentionProblem problem;
  const void *dout, *out, *logsumexp, *dlogsumexp;
  void *dquery, *dkey, *dvalue;
  void* workspace = nullptr;
};

// What is known of one row of weights p = exp(s - logsumexp): `norm` makes their sum 1, `term` is
// d_i.
template <class T>
struct AttentionRow {
  T norm, term;
};

// The row from total = sum_j p_ij, dot = sum_j p_ij <dout_i, v_j> (with dropout) and most =
// max_j |<dout_i, v_j>|, where the row given (norm 1, d_i by out; no_out: only -dlogsumexp_i)
// differs from them by no more than rounding (the epsilon of what is stored); else the row given.
template <class T>
AttentionRow<T> refine_row(T rounding, T logsumexp, T dlogsumexp, T term, bool no_out, T total,
                           T dot, T most) {
  AttentionRow<T> row{1, no_out ? dot - dlogsumexp : term};
  const T allowed = std::min<T>(4 * rounding * (4 + std::abs(logsumexp)), 0.25);  // inf: none seen
  if (!(std::abs(total - 1) <= allowed)) return row;
  const T anew = dot / total - dlogsumexp;
  row.norm = 1 / total;
  if (no_out || std::abs(anew - term) <= 128 * rounding * most) row.term = anew;
  return row;
}

// What CUDA kernels are told beside the problem: the stream of dropout, which a device alone can
// read (dropout_key is not looked at), and dtypes that may be f32 beside f16 and bf16. Depths of up
// to 256, as far as the device's shared memory goes.
struct AttentionExtras {
  RandomStream random;
  DType mask, logsumexp, dlogsumexp;  // of an additive mask
};
void attention_cuda(const AttentionArgs& args, const AttentionExtras& extras, StreamHandle stream);
// Rows are not refined. workspace: attention_backward_cuda_workspace bytes.
void attention_backward_cuda(const AttentionBackwardArgs& args, const AttentionExtras& extras,
                             StreamHandle stream);
bool attention_cuda_usable(const AttentionProblem& problem, int64_t shared_bytes);
bool attention_backward_cuda_usable(const AttentionProblem& problem, int64_t shared_bytes);
int64_t attention_backward_cuda_workspace(const AttentionProblem& problem);

int64_t attention_backward_workspace(const AttentionProblem& problem);  // of the cpu variant
void attention_backward_cpu(const AttentionBackwardArgs& args);

// How the block variants (f32, blocks of 64 queries and 64 keys) use their workspace: where its
// parts begin, in floats. Operands are packed in blocks of 64 rows, columns filled up to sixteens
// (`wide`); sums grow in rows of that width, in the outputs themselves where they are as wide.
struct AttentionScratch {
  int64_t wide, value_wide;           // depth and value_depth, filled up
  int64_t key_columns, value_panels;  // forward: transposed keys, values
  int64_t value_columns, key_panels, query_panels, dout_panels, row_terms;  // backward only
  int64_t queries, key_sums, value_sums;  // sums: (out or dquery), dkey, dvalue
  int64_t parts;  // of the backward pass of one matrix of keys, each with its own dquery
  int64_t total;

  AttentionScratch(const AttentionProblem& p, bool backward) {
    const auto filled = [](int64_t n, int64_t to) { return (n + to - 1) / to * to; };
    const int64_t matrices = p.lead.numel(), shared = matrices / p.key_index.group;
    const int64_t keys = shared * filled(p.keys, 64), rows = matrices * p.queries;
    const int64_t query_rows = matrices * filled(p.queries, 64);
    wide = filled(p.depth, 16);
    value_wide = filled(p.value_depth, 16);
    total = 0;
    const auto take = [this](int64_t floats) { return (total += floats) - floats; };
    key_columns = take(keys * p.depth);
    value_panels = take(backward ? 0 : keys * value_wide);
    value_columns = take(backward ? keys * p.value_depth : 0);
    key_panels = take(backward ? keys * wide : 0);
    query_panels = take(backward ? query_rows * wide : 0);
    dout_panels = take(backward ? query_rows * value_wide : 0);
    row_terms = take(backward ? 2 * rows : 0);
    parts = backward ? most_parts(shared, filled(p.keys, 64) / 64) : 1;
    const int64_t width = backward ? wide : value_wide;
    const bool own = width != (backward ? p.depth : p.value_depth);
    queries = take((own ? parts : parts - 1) * rows * width);
    key_sums = take(backward && wide != p.depth ? shared * p.keys * wide : 0);
    value_sums = take(backward && value_wide != p.value_depth ? shared * p.keys * value_wide : 0);
  }
  int64_t bytes() const { return total * static_cast<int64_t>(sizeof(float)); }

 private:
  // Enough tasks for some cores, yet few copies of dquery.
  static int64_t most_parts(int64_t shared, int64_t blocks) {
    const int64_t wanted = shared == 0 ? 1 : (7 + shared) / shared;
    const int64_t most = wanted < 4 ? wanted : 4;
    return most < blocks ? most : (blocks < 1 ? 1 : blocks);
  }
};
void attention_avx2(const AttentionArgs& args);
void attention_avx512(const AttentionArgs& args);
void attention_backward_avx2(const AttentionBackwardArgs& args);
void attention_backward_avx512(const AttentionBackwardArgs& args);

}  // namespace gradus::kernels
