// SPDX-License-Identifier: Apache-2.0
// Reductions of f32 that read memory in its order: along rows where the innermost dim is reduced,
// down strips of columns where it is kept. Long reductions are cut into pieces, a function of the
// shape alone; the pieces' results stand in the workspace in f64 and are folded in order.
#include <limits>

#include "engine/base/parallel.h"
#include "kernels/reduce.h"
#include "kernels/reduce_axes.h"

namespace gradus::kernels {
namespace {

constexpr int lanes = 16;
constexpr int64_t block = 1024;       // elements summed in f32 before they are added in f64
constexpr int64_t row_piece = 32768;  // elements of one row that one task folds
constexpr int64_t block_rows = 64;    // rows summed in f32 before they are added in f64
constexpr int64_t row_strip = 512;    // rows of one strip of columns that one task folds
constexpr int64_t strip = 256;        // columns that one task folds,
constexpr int64_t wide_strip = 1024;  // or so many, where rows alone give tasks enough: longer runs
constexpr int64_t many_pieces = 4;    // of memory, fewer pages
constexpr int64_t elements_per_chunk = 1 << 14;

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t lower(int64_t a, int64_t b) { return a < b ? a : b; }

struct Sum {
  static constexpr double start = 0;
  template <class T>
  static T fold(T a, T b) {
    return a + b;
  }
};
struct Largest {
  static constexpr double start = -std::numeric_limits<double>::infinity();
  template <class T>
  static T fold(T a, T b) {
    return b > a || b != b ? b : a;
  }
};
struct Smallest {
  static constexpr double start = std::numeric_limits<double>::infinity();
  template <class T>
  static T fold(T a, T b) {
    return b < a || b != b ? b : a;
  }
};

// `count` <= block neighbours.
template <class F>
double fold_block(const float* x, int64_t count) {
  float partial[lanes];
  for (int l = 0; l < lanes; ++l) partial[l] = static_cast<float>(F::start);
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes)
    for (int l = 0; l < lanes; ++l) partial[l] = F::fold(partial[l], x[i + l]);
  for (int l = 0; i < count; ++i, ++l) partial[l] = F::fold(partial[l], x[i]);
  double result = static_cast<double>(partial[0]);
  for (int l = 1; l < lanes; ++l) result = F::fold(result, static_cast<double>(partial[l]));
  return result;
}

// Elements [begin, end) of the reduction that starts at x.
template <class F>
double fold_row(const ReduceAxes& reduced, const float* x, int64_t begin, int64_t end) {
  double result = F::start;
  const int64_t run = reduced.last_size();
  for (int64_t at = begin; at < end;) {
    const int64_t count = lower(lower(end - at, run - at % run), block);
    result = F::fold(result, fold_block<F>(x + reduced.offset(at), count));
    at += count;
  }
  return result;
}

// Rows [begin, end) of a strip of `columns` <= wide_strip neighbours, into `result`.
template <class F>
void fold_strip(const ReduceAxes& reduced, const float* x, int64_t columns, int64_t begin,
                int64_t end, double* result) {
  float partial[wide_strip];
  for (int64_t c = 0; c < columns; ++c) result[c] = F::start;
  for (int64_t first = begin; first < end; first += block_rows) {
    for (int64_t c = 0; c < columns; ++c) partial[c] = static_cast<float>(F::start);
    for (int64_t row = first; row < lower(first + block_rows, end); ++row) {
      const float* from = x + reduced.offset(row);
      for (int64_t c = 0; c < columns; ++c) partial[c] = F::fold(partial[c], from[c]);
    }
    for (int64_t c = 0; c < columns; ++c)
      result[c] = F::fold(result[c], static_cast<double>(partial[c]));
  }
}

struct Plan {
  ReduceAxes kept, reduced;
  bool rows;        // the innermost dim is reduced
  int64_t pieces;   // of each reduction
  int64_t columns;  // neighbours that are kept (1 for rows)

  explicit Plan(const ReduceArgs& args)
      : kept(pick_axes(args.shape, args.reduced, false)),
        reduced(pick_axes(args.shape, args.reduced, true)),
        rows(reduced.last_stride() == 1),
        pieces(divide_up(reduced.count, rows ? row_piece : row_strip)),
        columns(rows ? 1 : kept.last_size()) {}
};

template <class F>
void fold_rows(const Plan& plan, const float* x, double* results) {
  const int64_t tasks = plan.kept.count * plan.pieces;
  const int64_t piece = lower(row_piece, plan.reduced.count);
  parallel_range(tasks, divide_up(elements_per_chunk, piece), [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t first = task % plan.pieces * row_piece;
      results[task] = fold_row<F>(plan.reduced, x + plan.kept.offset(task / plan.pieces), first,
                                  lower(first + row_piece, plan.reduced.count));
    }
  });
}

// results[(k0 * pieces + piece) * columns + column]
template <class F>
void fold_columns(const Plan& plan, const float* x, double* results) {
  const int64_t outer = plan.kept.count / plan.columns;
  const int64_t width = outer * plan.pieces >= many_pieces ? wide_strip : strip;
  const int64_t strips = divide_up(plan.columns, width);
  const int64_t work = lower(row_strip, plan.reduced.count) * lower(width, plan.columns);
  const int64_t grain = divide_up(elements_per_chunk, work);
  parallel_range(outer * plan.pieces * strips, grain, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t column = task % strips * width, line = task / strips;
      const int64_t first = line % plan.pieces * row_strip;
      const float* from = x + plan.kept.offset(line / plan.pieces * plan.columns) + column;
      fold_strip<F>(plan.reduced, from, lower(width, plan.columns - column), first,
                    lower(first + row_strip, plan.reduced.count),
                    results + line * plan.columns + column);
    }
  });
}

template <class F>
void fold(const ReduceArgs& args, double divisor) {
  const Plan plan(args);
  const float* x = static_cast<const float*>(args.x);
  double* results = static_cast<double*>(args.workspace);
  if (plan.rows)
    fold_rows<F>(plan, x, results);
  else
    fold_columns<F>(plan, x, results);
  float* out = static_cast<float*>(args.out);
  const int64_t grain = divide_up(elements_per_chunk, plan.pieces);
  parallel_range(plan.kept.count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      const int64_t at = k / plan.columns * plan.pieces * plan.columns + k % plan.columns;
      double result = results[at];
      for (int64_t piece = 1; piece < plan.pieces; ++piece)
        result = F::fold(result, results[at + piece * plan.columns]);
      out[k] = static_cast<float>(result / divisor);
    }
  });
}

}  // namespace

bool reduce_cpu_blocks_usable(const ReduceArgs& args) {
  const bool known = args.reduction == Reduction::sum || args.reduction == Reduction::mean ||
                     args.reduction == Reduction::amax || args.reduction == Reduction::amin;
  if (!known || args.dtype != DType::f32 || args.out_dtype != DType::f32) return false;
  return args.shape.numel() > 0 && Plan(args).reduced.rank > 0;
}

int64_t reduce_cpu_blocks_workspace(const ReduceArgs& args) {
  const Plan plan(args);
  return plan.kept.count * plan.pieces * static_cast<int64_t>(sizeof(double));
}

void reduce_cpu_blocks(const ReduceArgs& args) {
  switch (args.reduction) {
    case Reduction::amax:
      return fold<Largest>(args, 1);
    case Reduction::amin:
      return fold<Smallest>(args, 1);
    case Reduction::mean:
      return fold<Sum>(args, static_cast<double>(pick_axes(args.shape, args.reduced, true).count));
    default:
      return fold<Sum>(args, 1);
  }
}

}  // namespace gradus::kernels
