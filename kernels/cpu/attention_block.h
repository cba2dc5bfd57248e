// SPDX-License-Identifier: Apache-2.0
// Attention in f32 by blocks of 64 queries and 64 keys (Dao, "FlashAttention-2", 2023): what the
// forward and the backward pass share. Loops over the keys of a block run to 64 whatever the mask:
// what is masked out is selected away, because short loops cost more than the work they save.
#pragma once

#if defined(__AVX2__)

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/parallel.h"
#include "kernels/attention.h"
#include "kernels/cpu/panel_product.h"

namespace gradus::kernels {
namespace {

constexpr int64_t block = 64;
constexpr float infinity = std::numeric_limits<float>::infinity();

inline int64_t blocks_of(int64_t count) { return (count + block - 1) / block; }

// Matrix n of an operand (.., rows, cols).
inline const float* matrix_of(const AttentionProblem& p, const void* x, const MatrixIndex& index,
                              int64_t n, int64_t rows, int64_t cols) {
  return static_cast<const float*>(x) + index.of(n, p.lead) * rows * cols;
}

// Block (i0, j0) of matrix n: what the rows of scores need.
struct Block {
  const AttentionProblem& p;
  int64_t n, i0, j0;
  int64_t mask;  // offset of matrix n's mask

  int64_t queries() const { return std::min(block, p.queries - i0); }
  int64_t keys() const { return std::min(block, p.keys - j0); }
  // Every key of the block is seen by every query, without a mask.
  bool plain() const {
    if (keys() != block) return false;
    return p.mask_kind == MaskKind::none ||
           (p.mask_kind == MaskKind::causal && j0 + block <= i0 + 1);
  }
  bool diagonal() const { return p.mask_kind == MaskKind::causal && i0 == j0; }
  Part part(Part on_diagonal) const { return diagonal() ? on_diagonal : Part::whole; }
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

// How many scores of query i are looked at: on the diagonal of a causal problem, as many as the
// rows that are multiplied together with i's (six at most) may see, in sixteens.
inline int64_t columns_of(const Block& b, int64_t i) {
  return b.diagonal() ? std::min(block, (i + 6 + 15) / 16 * 16) : block;
}

inline void scale_row(float* row, int64_t cols, float factor) {
  const Lanes f = Lanes::all(factor);
  for (int64_t c = 0; c < cols; c += 16) (Lanes::load(row + c) * f).store(row + c);
}

// Whether a mask is added to the scores.
inline bool has_numbers(const AttentionProblem& p) {
  return p.mask_kind == MaskKind::boolean || p.mask_kind == MaskKind::additive;
}
// What finished scores are still to be multiplied by: the scale, where it can wait for the fused
// multiply-add that takes them to the exponent, which spares a rounding.
inline float late_scale(const AttentionProblem& p) {
  return has_numbers(p) || !(p.scale > 0) ? 1.f : static_cast<float>(p.scale);
}

// Turns products <q, k> into scores (over late_scale), masked.
inline void finish_scores(const Block& b, int64_t i, float* row) {
  const bool added = has_numbers(b.p), plain = b.plain();
  const bool scaled = late_scale(b.p) == 1.f;
  if (plain && !scaled) return;
  const Lanes scale = Lanes::all(scaled ? static_cast<float>(b.p.scale) : 1.f);
  const int64_t visible = b.visible(i);
  float mask[block];
  if (added) mask_row(b, i, mask);
  for (int64_t c = 0; c < columns_of(b, i); c += 16) {
    Lanes s = Lanes::load(row + c) * scale;
    if (added) s = s + load(mask + c, std::clamp<int64_t>(b.keys() - c, 0, 16));
    if (!plain) s = first(visible - c, s, Lanes::all(-infinity));
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

}  // namespace
}  // namespace gradus::kernels

#endif
