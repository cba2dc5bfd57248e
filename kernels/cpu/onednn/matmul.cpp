// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "engine/base/parallel.h"
#include "kernels/cpu/activation.h"
#include "kernels/cpu/onednn/adapter.h"
#include "kernels/onednn.h"

namespace gradus::kernels {
namespace {

using namespace onednn;

// The one step from item to item of a batch, where there is one.
std::optional<int64_t> uniform_step(const Shape& batch,
                                    const std::array<int64_t, Shape::max_rank>& strides) {
  int64_t step = 0, expected = 0;
  for (int d = batch.rank() - 1; d >= 0; --d) {
    if (batch[d] == 1) continue;
    const int64_t stride = strides[static_cast<size_t>(d)];
    if (step == 0) step = expected = stride;
    if (stride != expected || stride == 0) return std::nullopt;
    expected *= batch[d];
  }
  return step;
}

constexpr int64_t tasks = 8;  // about; a small batch is cut in its longer side to give so many

// A task takes some items whole, or a band of the rows or of the columns of one item. Items that
// lie at even steps go to oneDNN in one call.
struct MatmulPlan {
  bool batched;  // several items in one call
  bool by_rows;
  Chunks items, band;
  ChunkPlans plans;

  static Chunks cut_items(const MatmulArgs& a, bool together) {
    const int64_t count = a.batch.numel();
    return {count, together && count >= tasks ? 2 * tasks : std::max<int64_t>(count, 1)};
  }
  static Chunks cut_band(const MatmulArgs& a) {
    const int64_t side = std::max(a.m, a.n), items = std::max<int64_t>(a.batch.numel(), 1);
    return {side, std::clamp<int64_t>(side / 64, 1, (tasks + items - 1) / items), 16};
  }

  explicit MatmulPlan(const MatmulArgs& a)
      : batched(uniform_step(a.batch, a.a_strides) && uniform_step(a.batch, a.b_strides)),
        by_rows(a.m >= a.n),
        items(cut_items(a, batched)),
        band(cut_band(a)),
        plans(items.size > 1 ? items : band, [&](int64_t length) { return part(a, length); }) {}

  // Of `length` items, or of one item's band.
  PlanPointer part(const MatmulArgs& a, int64_t length) const {
    const bool many = items.size > 1;
    const int64_t count = many ? length : 1, rows = !many && by_rows ? length : a.m;
    const int64_t columns = !many && !by_rows ? length : a.n;
    const int64_t a_step = many ? *uniform_step(a.batch, a.a_strides) : 0;
    const int64_t b_step = many ? *uniform_step(a.batch, a.b_strides) : 0;
    const Key key{matmul_kind, count,         rows,          columns,          a.k,
                  a.lda,       a.ldb,         a.ldc,         a_step,           b_step,
                  a.c_stride,  a.transpose_a, a.transpose_b, a.bias != nullptr};
    return plan_for(key, [&] {
      const auto matrix = [&](int64_t height, int64_t width, int64_t step, int64_t ld,
                              bool transposed) {
        const Dims strides{step, transposed ? 1 : ld, transposed ? ld : 1};
        return many ? Desc({count, height, width}, f32, strides)
                    : Desc({height, width}, f32, Dims{strides[1], strides[2]});
      };
      const Desc bias = !a.bias ? Desc()
                        : many  ? Desc({1, 1, columns}, f32, Tag::abc)
                                : Desc({1, columns}, f32, Tag::ab);
      return plan_of(describe<dnnl::matmul>(matrix(rows, a.k, a_step, a.lda, a.transpose_a),
                                            matrix(a.k, columns, b_step, a.ldb, a.transpose_b),
                                            bias, matrix(rows, columns, a.c_stride, a.ldc, false)),
                     {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS, DNNL_ARG_DST});
    });
  }

  int64_t bands() const { return items.size > 1 ? 1 : band.chunks(); }
  int64_t count() const { return items.chunks() * bands(); }
};

void run_task(const MatmulArgs& args, const MatmulPlan& plan, int64_t task, void* scratchpad) {
  const bool many = plan.items.size > 1;
  const int64_t chunk = task / plan.bands(), item = plan.items.begin(chunk);
  const int64_t part = many ? 0 : task % plan.bands();
  const int64_t start = many ? 0 : plan.band.begin(part);
  const int64_t row = plan.by_rows ? start : 0, column = plan.by_rows ? 0 : start;
  const int64_t length = plan.band.length(part);
  const int64_t rows = !many && plan.by_rows ? length : args.m;
  const int64_t columns = !many && !plan.by_rows ? length : args.n;
  const MatmulOffsets at = matmul_offsets(args, item);
  const float* a = static_cast<const float*>(args.a) + at.a;
  const float* b = static_cast<const float*>(args.b) + at.b;
  float* c = static_cast<float*>(args.c) + item * args.c_stride + row * args.ldc + column;
  const float* bias = static_cast<const float*>(args.bias);
  a += row * (args.transpose_a ? 1 : args.lda);
  b += column * (args.transpose_b ? args.ldb : 1);
  execute(many ? plan.plans.of(plan.items, chunk) : plan.plans.of(plan.band, part),
          {{DNNL_ARG_SRC, a},
           {DNNL_ARG_WEIGHTS, b},
           {DNNL_ARG_BIAS, bias ? bias + column : nullptr},
           {DNNL_ARG_DST, c}},
          scratchpad);
  // Not by oneDNN's epilogue: its activations lose a NaN.
  for (int64_t i = 0; i < (many ? plan.items.length(chunk) : 1); ++i)
    activate_rows(args.activation, c + i * args.c_stride, args.ldc, rows, columns);
}

}  // namespace

bool onednn_fits(const MatmulArgs& args) {
  if (args.dtype != DType::f32 || args.accumulate) return false;
  if (args.m == 0 || args.n == 0 || args.k == 0 || args.batch.numel() == 0) return false;
  return static_cast<bool>(MatmulPlan(args).plans);
}

int64_t onednn_workspace(const MatmulArgs& args) {
  const MatmulPlan plan(args);
  return plan.count() * plan.plans.scratchpad_bytes();
}

void run_onednn(const MatmulArgs& args, void* workspace) {
  const MatmulPlan plan(args);
  const int64_t scratchpad = plan.plans.scratchpad_bytes();
  parallel_for(plan.count(), [&](int64_t task) {
    run_task(args, plan, task, static_cast<char*>(workspace) + task * scratchpad);
  });
}

}  // namespace gradus::kernels
