// SPDX-License-Identifier: Apache-2.0
// Reductions on CUDA: how they are shared out, and which kernel runs.
#include "engine/base/error.h"
#include "kernels/cuda/reduce_program.h"

namespace gradus::kernels {
namespace {

// Blocks that fill a large GPU; pieces no shorter than this pay for the second launch.
constexpr int64_t wanted_blocks = 512;
constexpr int64_t shortest_piece = 4096;
constexpr int64_t piece_step = 2048;  // pieces begin where 16-byte accesses of any type may

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

DeviceAxes device_axes(const ReduceAxes& axes) {
  DeviceAxes result = {};
  result.count = axes.count;
  result.rank = axes.rank;
  for (int d = 0; d < axes.rank; ++d) {
    result.sizes[d] = axes.sizes[static_cast<size_t>(d)];
    result.strides[d] = axes.strides[static_cast<size_t>(d)];
  }
  return result;
}

bool is_number(DType dtype) {
  return dtype == DType::f64 || dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16;
}

bool is_whole(DType dtype) {
  return dtype == DType::i64 || dtype == DType::i32 || dtype == DType::u8 || dtype == DType::bool_;
}

}  // namespace

ReducePlan reduce_plan(const ReduceArgs& args) {
  const ReduceAxes kept = pick_axes(args.shape, args.reduced, false);
  const ReduceAxes reduced = pick_axes(args.shape, args.reduced, true);
  ReducePlan plan = {device_axes(kept), device_axes(reduced), false, 1, 1};
  plan.columns = kept.last_stride() == 1 && kept.last_size() > 1;
  const int64_t blocks =
      plan.columns ? divide_up(kept.count, reduce_lanes) : (kept.count > 0 ? kept.count : 1);
  // A piece of a column is as long as one of a row is in all its columns.
  const int64_t shortest = plan.columns ? shortest_piece / reduce_lanes : shortest_piece;
  const int64_t most = divide_up(reduced.count, shortest);
  const int64_t wanted = divide_up(wanted_blocks, blocks > 0 ? blocks : 1);
  const int64_t pieces = wanted < most ? wanted : most;
  plan.length = divide_up(reduced.count, pieces > 0 ? pieces : 1);
  if (!plan.columns) plan.length = divide_up(plan.length, piece_step) * piece_step;
  if (plan.length == 0) plan.length = 1;
  plan.pieces = reduced.count > 0 ? divide_up(reduced.count, plan.length) : 1;
  return plan;
}

bool reduce_cuda_usable(const ReduceArgs& args) {
  const bool in_number = is_number(args.dtype), out_number = is_number(args.out_dtype);
  switch (args.reduction) {
    case Reduction::sum:
    case Reduction::prod:
      return (in_number || is_whole(args.dtype)) &&
             (out_number || (!in_number && is_whole(args.out_dtype)));
    case Reduction::mean:
      return (in_number || is_whole(args.dtype)) && out_number;
    case Reduction::amax:
    case Reduction::amin:
    case Reduction::any:
    case Reduction::all:
      return in_number || is_whole(args.dtype);
    default:
      return false;
  }
}

int64_t reduce_cuda_workspace(const ReduceArgs& args) {
  const ReducePlan plan = reduce_plan(args);
  return plan.pieces > 1 ? plan.kept.count * plan.pieces * reduce_accumulator_bytes : 0;
}

void reduce_cuda(const ReduceArgs& args, StreamHandle stream) {
  const ReducePlan plan = reduce_plan(args);
  if (plan.kept.count == 0) return;
  const ReduceCall call{args, plan, stream};
  switch (args.reduction) {
    case Reduction::sum:
    case Reduction::mean:
      return reduce_sums(call);
    case Reduction::prod:
      return reduce_products(call);
    case Reduction::amax:
    case Reduction::amin:
      return reduce_extremes(call);
    case Reduction::any:
    case Reduction::all:
      return reduce_truths(call);
    default:
      failf(ErrorKind::unsupported, "reduce", "no CUDA kernel for this reduction");
  }
}

}  // namespace gradus::kernels
