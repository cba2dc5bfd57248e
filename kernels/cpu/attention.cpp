// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/dispatch.h"
#include "engine/base/parallel.h"

namespace gradus::kernels {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// Matrix n of the problem, with its operands' first elements.
template <class T>
struct Matrix {
  const AttentionProblem& p;
  int64_t n;
  const T *q, *k, *v;
  int64_t mask;  // offset of its mask

  Matrix(const AttentionProblem& problem, int64_t index)
      : p(problem),
        n(index),
        q(static_cast<const T*>(p.query) + p.query_index.of(n, p.lead) * p.queries * p.depth),
        k(static_cast<const T*>(p.key) + p.key_index.of(n, p.lead) * p.keys * p.depth),
        v(static_cast<const T*>(p.value) + p.value_index.of(n, p.lead) * p.keys * p.value_depth),
        mask(p.mask_index.of(n, p.lead)) {}

  double score(int64_t i, int64_t j) const {
    if (p.mask_kind == MaskKind::causal && j > i) return -infinity;
    const int64_t at = mask + i * p.mask_row + j * p.mask_col;
    if (p.mask_kind == MaskKind::boolean && static_cast<const uint8_t*>(p.mask)[at] == 0)
      return -infinity;
    double sum = 0;
    for (int64_t e = 0; e < p.depth; ++e)
      sum += static_cast<double>(q[i * p.depth + e]) * static_cast<double>(k[j * p.depth + e]);
    sum *= p.scale;
    if (p.mask_kind == MaskKind::additive)
      sum += static_cast<double>(static_cast<const T*>(p.mask)[at]);
    return sum;
  }

  // What dropout multiplies weight (i, j) by.
  double kept(int64_t i, int64_t j) const {
    if (p.dropout == 0) return 1;
    const int64_t index = (n * p.queries + i) * p.keys + j;
    const float u = uniform_float(philox_word(p.dropout_key, static_cast<uint64_t>(index)));
    return static_cast<double>(u) >= p.dropout ? 1 / (1 - p.dropout) : 0;
  }
};

// One row of the result; `weights` is scratch for the scores of all keys.
template <class T>
void attend_row(const Matrix<T>& m, int64_t i, double* weights, T* out, T* logsumexp) {
  const AttentionProblem& p = m.p;
  double top = -infinity, total = 0;
  for (int64_t j = 0; j < p.keys; ++j) {
    weights[j] = m.score(i, j);
    if (weights[j] > top || std::isnan(weights[j])) top = weights[j];
  }
  for (int64_t j = 0; j < p.keys; ++j) {
    weights[j] = top == -infinity ? 0 : std::exp(weights[j] - top);
    total += weights[j];
  }
  *logsumexp = static_cast<T>(top == -infinity ? infinity : top + std::log(total));
  for (int64_t j = 0; j < p.keys && total != 0; ++j) weights[j] *= m.kept(i, j) / total;
  for (int64_t e = 0; e < p.value_depth; ++e) {
    double sum = 0;
    for (int64_t j = 0; j < p.keys; ++j)
      sum += weights[j] * static_cast<double>(m.v[j * p.value_depth + e]);
    out[e] = static_cast<T>(sum);
  }
}

// What the backward pass knows of one matrix.
template <class T>
struct BackwardMatrix : Matrix<T> {
  const T *dout, *out, *logsumexp, *dlogsumexp;

  BackwardMatrix(const AttentionBackwardArgs& args, int64_t index)
      : Matrix<T>(args.problem, index),
        dout(static_cast<const T*>(args.dout) + index * rows() * values()),
        out(args.out ? static_cast<const T*>(args.out) + index * rows() * values() : nullptr),
        logsumexp(static_cast<const T*>(args.logsumexp) + index * rows()),
        dlogsumexp(args.dlogsumexp ? static_cast<const T*>(args.dlogsumexp) + index * rows()
                                   : nullptr) {}

  int64_t rows() const { return this->p.queries; }
  int64_t values() const { return this->p.value_depth; }

  // Only query i and the keys before seen_keys(i) give each other anything, NaN neither.
  int64_t seen_keys(int64_t i) const {
    const AttentionProblem& p = this->p;
    return p.mask_kind == MaskKind::causal ? std::min(p.keys, i + 1) : p.keys;
  }
  int64_t first_query(int64_t j) const {
    return this->p.mask_kind == MaskKind::causal ? std::min(j, rows()) : 0;
  }

  // d_i, and what makes the weights' sum 1.
  AttentionRow<double> row(int64_t i) const {
    const double given = dlogsumexp ? static_cast<double>(dlogsumexp[i]) : 0;
    double total = 0, sum = 0, most = 0;
    for (int64_t j = 0; j < seen_keys(i); ++j) {
      const double w = weight(i, j), g = this->kept(i, j) * dot(i, this->v + j * values());
      total += w;
      sum += w * g;
      most = std::max(most, std::abs(g));
    }
    const double term = (out ? dot(i, out + i * values()) : 0) - given;
    return refine_row(static_cast<double>(std::numeric_limits<T>::epsilon()),
                      static_cast<double>(logsumexp[i]), given, term, !out, total, sum, most);
  }
  // <dout_i, row>
  double dot(int64_t i, const T* row) const {
    double sum = 0;
    for (int64_t e = 0; e < values(); ++e)
      sum += static_cast<double>(dout[i * values() + e]) * static_cast<double>(row[e]);
    return sum;
  }
  double weight(int64_t i, int64_t j) const {
    return std::exp(this->score(i, j) - static_cast<double>(logsumexp[i]));
  }
  // ds_ij, from p_ij and d_i.
  double score_gradient(int64_t i, int64_t j, double p_ij, double d_i) const {
    return p_ij * (dot(i, this->v + j * values()) * this->kept(i, j) - d_i);
  }
};

template <class T>
void query_gradient_row(const BackwardMatrix<T>& m, int64_t i, const AttentionRow<double>& row,
                        double* sums, T* dquery) {
  const AttentionProblem& p = m.p;
  for (int64_t e = 0; e < p.depth; ++e) sums[e] = 0;
  for (int64_t j = 0; j < m.seen_keys(i); ++j) {
    const double ds = m.score_gradient(i, j, m.weight(i, j) * row.norm, row.term) * p.scale;
    for (int64_t e = 0; e < p.depth; ++e) sums[e] += ds * static_cast<double>(m.k[j * p.depth + e]);
  }
  for (int64_t e = 0; e < p.depth; ++e) dquery[e] = static_cast<T>(sums[e]);
}

// Adds what matrix m gives to the gradients of key j and value j.
template <class T>
void add_key_gradient(const BackwardMatrix<T>& m, int64_t j, const AttentionRow<double>* rows,
                      double* dkey, double* dvalue) {
  const AttentionProblem& p = m.p;
  for (int64_t i = m.first_query(j); i < p.queries; ++i) {
    const double weight = m.weight(i, j) * rows[i].norm, kept = weight * m.kept(i, j);
    const double ds = m.score_gradient(i, j, weight, rows[i].term) * p.scale;
    for (int64_t e = 0; e < p.depth; ++e) dkey[e] += ds * static_cast<double>(m.q[i * p.depth + e]);
    for (int64_t e = 0; e < p.value_depth; ++e)
      dvalue[e] += kept * static_cast<double>(m.dout[i * p.value_depth + e]);
  }
}

template <class T>
void key_gradients(const AttentionBackwardArgs& args, const AttentionRow<double>* rows,
                   double* scratch, int64_t shared) {
  const AttentionProblem& p = args.problem;
  double* sums = scratch + shared * (p.depth + p.value_depth);
  double* value_sums = sums + p.depth;
  for (int64_t j = 0; j < p.keys; ++j) {
    for (int64_t e = 0; e < p.depth + p.value_depth; ++e) sums[e] = 0;
    for (int64_t n = shared * p.key_index.group; n < (shared + 1) * p.key_index.group; ++n)
      add_key_gradient(BackwardMatrix<T>(args, n), j, rows + n * p.queries, sums, value_sums);
    T* dkey = static_cast<T*>(args.dkey) + (shared * p.keys + j) * p.depth;
    T* dvalue = static_cast<T*>(args.dvalue) + (shared * p.keys + j) * p.value_depth;
    for (int64_t e = 0; e < p.depth; ++e) dkey[e] = static_cast<T>(sums[e]);
    for (int64_t e = 0; e < p.value_depth; ++e) dvalue[e] = static_cast<T>(value_sums[e]);
  }
}

}  // namespace

int64_t attention_workspace(const AttentionProblem& p) {
  return p.lead.numel() * p.keys * static_cast<int64_t>(sizeof(double));
}

void attention_cpu(const AttentionArgs& args) {
  const AttentionProblem& p = args.problem;
  dispatch_float(p.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_for(p.lead.numel(), [&](int64_t n) {
      const Matrix<T> m(p, n);
      double* scratch = static_cast<double*>(args.workspace) + n * p.keys;
      for (int64_t i = n * p.queries; i < (n + 1) * p.queries; ++i)
        attend_row(m, i - n * p.queries, scratch, static_cast<T*>(args.out) + i * p.value_depth,
                   static_cast<T*>(args.logsumexp) + i);
    });
  });
}

int64_t attention_backward_workspace(const AttentionProblem& p) {
  return p.lead.numel() * (2 * p.queries + p.depth + p.value_depth) *
         static_cast<int64_t>(sizeof(double));
}

void attention_backward_cpu(const AttentionBackwardArgs& args) {
  const AttentionProblem& p = args.problem;
  auto* rows = static_cast<AttentionRow<double>*>(args.workspace);
  double* scratch = static_cast<double*>(args.workspace) + 2 * p.lead.numel() * p.queries;
  dispatch_float(p.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_for(p.lead.numel(), [&](int64_t n) {
      const BackwardMatrix<T> m(args, n);
      for (int64_t i = 0; i < p.queries; ++i) {
        AttentionRow<double>& row = rows[n * p.queries + i];
        row = m.row(i);
        query_gradient_row(m, i, row, scratch + n * p.depth,
                           static_cast<T*>(args.dquery) + (n * p.queries + i) * p.depth);
      }
    });
    parallel_for(p.lead.numel() / p.key_index.group,
                 [&](int64_t shared) { key_gradients<T>(args, rows, scratch, shared); });
  });
}

}  // namespace gradus::kernels
