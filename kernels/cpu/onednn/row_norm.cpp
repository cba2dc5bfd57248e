// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <cmath>

#include "engine/base/parallel.h"
#include "kernels/cpu/onednn/adapter.h"
#include "kernels/onednn.h"

namespace gradus::kernels {
namespace {

using namespace onednn;

constexpr int64_t most_row_chunks = 16;
constexpr int64_t largest = int64_t{1} << 30;  // elements of a chunk

int64_t aligned(int64_t floats) { return (floats * 4 + 63) / 64 * 64; }

bool in_range(const RowNormShape& s, DType dtype, const void* mean) {
  return dtype == DType::f32 && mean && s.period == 1 && s.inner == 1 && s.rows > 0 && s.cols > 0 &&
         s.cols <= largest / Chunks(s.rows, most_row_chunks).size;
}

dnnl::normalization_flags flags_of(bool scale, bool shift) {
  auto flags = dnnl::normalization_flags::none;
  if (scale) flags |= dnnl::normalization_flags::use_scale;
  if (shift) flags |= dnnl::normalization_flags::use_shift;
  return flags;
}

Desc matrix(int64_t rows, int64_t cols) { return Desc({rows, cols}, f32, Tag::ab); }

// Of chunks of rows; training: the mean and the variance are outputs.
ChunkPlans plans_of(const RowNormArgs& a, const Chunks& chunks) {
  const float eps = static_cast<float>(a.eps);
  return {chunks, [&](int64_t rows) {
            const Key key{layer_norm_kind,   rows,
                          a.shape.cols,      a.weight != nullptr,
                          a.bias != nullptr, std::bit_cast<int32_t>(eps)};
            return plan_for(key, [&] {
              return plan_of(describe_norm<dnnl::layer_normalization_forward>(
                                 dnnl::prop_kind::forward_training, matrix(rows, a.shape.cols), eps,
                                 flags_of(a.weight, a.bias)),
                             {DNNL_ARG_SRC, DNNL_ARG_DST, DNNL_ARG_SCALE, DNNL_ARG_SHIFT,
                              DNNL_ARG_MEAN, DNNL_ARG_VARIANCE});
            });
          }};
}

// Its statistics are those given, of variance 1 / rstd^2 and no eps.
ChunkPlans plans_of(const RowNormBackwardArgs& a, const Chunks& chunks) {
  return {chunks, [&](int64_t rows) {
            const Key key{layer_norm_backward_kind, rows, a.shape.cols, a.weight != nullptr};
            return plan_for(key, [&] {
              const Desc x = matrix(rows, a.shape.cols);
              const auto flags = flags_of(a.weight, a.weight);
              const auto hint = describe_norm<dnnl::layer_normalization_forward>(
                  dnnl::prop_kind::forward_training, x, 0.0f, flags);
              return plan_of(
                  describe_norm_backward<dnnl::layer_normalization_backward>(hint, x, 0.0f, flags),
                  norm_backward_arguments);
            });
          }};
}

// Sums of `chunks` rows of `cols` values, in order.
void add_chunks(const float* parts, int64_t chunks, int64_t step, int64_t cols, float* sums) {
  for (int64_t c = 0; c < cols; ++c) {
    double sum = 0;
    for (int64_t chunk = 0; chunk < chunks; ++chunk)
      sum += static_cast<double>(parts[chunk * step + c]);
    sums[c] = static_cast<float>(sum);
  }
}

// Workspace of the backward pass: the variances of all rows, dweight and dbias of each chunk, and
// the scratchpads.
struct BackwardMemory {
  float *variance, *parts;
  char* scratchpads;
  int64_t array;  // floats from dweight to dbias and from chunk to chunk twice that

  BackwardMemory(const RowNormShape& s, int64_t chunks, void* workspace)
      : variance(static_cast<float*>(workspace)),
        parts(variance + aligned(s.rows) / 4),
        array(aligned(s.cols) / 4) {
    scratchpads = reinterpret_cast<char*>(parts + chunks * 2 * array);
  }
};

}  // namespace

bool onednn_fits(const RowNormArgs& args) {
  if (!in_range(args.shape, args.dtype, args.mean)) return false;
  return static_cast<bool>(plans_of(args, Chunks(args.shape.rows, most_row_chunks)));
}

bool onednn_fits(const RowNormBackwardArgs& args) {
  if (!in_range(args.shape, args.dtype, args.mean)) return false;
  return static_cast<bool>(plans_of(args, Chunks(args.shape.rows, most_row_chunks)));
}

int64_t onednn_workspace(const RowNormArgs& args) {
  const Chunks chunks(args.shape.rows, most_row_chunks);
  return chunks.chunks() * plans_of(args, chunks).scratchpad_bytes();
}

int64_t onednn_workspace(const RowNormBackwardArgs& args) {
  const Chunks chunks(args.shape.rows, most_row_chunks);
  return aligned(args.shape.rows) + chunks.chunks() * (2 * aligned(args.shape.cols) +
                                                       plans_of(args, chunks).scratchpad_bytes());
}

void run_onednn(const RowNormArgs& args, void* workspace) {
  const Chunks chunks(args.shape.rows, most_row_chunks);
  const ChunkPlans plans = plans_of(args, chunks);
  parallel_for(chunks.chunks(), [&](int64_t chunk) {
    const int64_t row = chunks.begin(chunk), at = row * args.shape.cols;
    float* variance = static_cast<float*>(args.rstd) + row;
    execute(plans.of(chunks, chunk),
            {{DNNL_ARG_SRC, static_cast<const float*>(args.x) + at},
             {DNNL_ARG_DST, static_cast<float*>(args.y) + at},
             {DNNL_ARG_SCALE, args.weight},
             {DNNL_ARG_SHIFT, args.bias},
             {DNNL_ARG_MEAN, static_cast<float*>(args.mean) + row},
             {DNNL_ARG_VARIANCE, variance}},
            static_cast<char*>(workspace) + chunk * plans.scratchpad_bytes());
    for (int64_t r = 0; r < chunks.length(chunk); ++r)
      variance[r] = static_cast<float>(1 / std::sqrt(static_cast<double>(variance[r]) + args.eps));
  });
}

void run_onednn(const RowNormBackwardArgs& args, void* workspace) {
  const RowNormShape& s = args.shape;
  const Chunks chunks(s.rows, most_row_chunks);
  const ChunkPlans plans = plans_of(args, chunks);
  const BackwardMemory memory(s, chunks.chunks(), workspace);
  parallel_for(chunks.chunks(), [&](int64_t chunk) {
    const int64_t row = chunks.begin(chunk), at = row * s.cols;
    const float* rstd = static_cast<const float*>(args.rstd) + row;
    float* part = memory.parts + chunk * 2 * memory.array;
    for (int64_t r = 0; r < chunks.length(chunk); ++r)
      memory.variance[row + r] = static_cast<float>(1 / (static_cast<double>(rstd[r]) * rstd[r]));
    execute(plans.of(chunks, chunk),
            {{DNNL_ARG_SRC, static_cast<const float*>(args.x) + at},
             {DNNL_ARG_DIFF_DST, static_cast<const float*>(args.dy) + at},
             {DNNL_ARG_DIFF_SRC, static_cast<float*>(args.dx) + at},
             {DNNL_ARG_SCALE, args.weight},
             {DNNL_ARG_SHIFT, args.weight},
             {DNNL_ARG_DIFF_SCALE, args.weight ? part : nullptr},
             {DNNL_ARG_DIFF_SHIFT, args.weight ? part + memory.array : nullptr},
             {DNNL_ARG_MEAN, static_cast<const float*>(args.mean) + row},
             {DNNL_ARG_VARIANCE, memory.variance + row}},
            memory.scratchpads + chunk * plans.scratchpad_bytes());
  });
  if (!args.weight) return;
  const int64_t step = 2 * memory.array;
  add_chunks(memory.parts, chunks.chunks(), step, s.cols, static_cast<float*>(args.dweight));
  add_chunks(memory.parts + memory.array, chunks.chunks(), step, s.cols,
             static_cast<float*>(args.dbias));
}

}  // namespace gradus::kernels
