// SPDX-License-Identifier: Apache-2.0
// A training batch is one call in one thread: its statistics are sums over all of it, and oneDNN
// would split them by the number of threads. Otherwise the batch is cut.
#include <algorithm>
#include <bit>
#include <cmath>

#include "engine/base/parallel.h"
#include "kernels/cpu/onednn/adapter.h"
#include "kernels/onednn.h"

namespace gradus::kernels {
namespace {

using namespace onednn;

constexpr int64_t largest = int64_t{1} << 30;  // elements

int64_t aligned(int64_t floats) { return (floats * 4 + 63) / 64 * 64; }

bool in_range(const BatchNormShape& s, DType dtype) {
  if (dtype != DType::f32 || s.count() == 0 || s.channels == 0) return false;
  return s.channels <= largest / s.count();
}

Chunks chunks_of(const BatchNormShape& s, bool training) { return {s.batch, training ? 1 : 16}; }

// Rows of channels are one image, channels last.
Desc image(const BatchNormShape& s, int64_t batch) {
  if (s.space == 1) return Desc({1, s.channels, batch, 1}, f32, Tag::nhwc);
  return Desc({batch, s.channels, s.space, 1}, f32, Tag::nchw);
}

Key key_of(Kind kind, const BatchNormShape& s, int64_t batch, bool training, float eps) {
  return {kind, batch, s.channels, s.space, training, std::bit_cast<int32_t>(eps)};
}

using dnnl::normalization_flags;

ChunkPlans plans_of(const BatchNormArgs& a) {
  const float eps = static_cast<float>(a.eps);
  auto flags = a.training ? normalization_flags::none : normalization_flags::use_global_stats;
  if (a.weight) flags |= normalization_flags::use_scale;
  if (a.bias) flags |= normalization_flags::use_shift;
  return {chunks_of(a.shape, a.training), [&](int64_t batch) {
            Key key = key_of(batch_norm_kind, a.shape, batch, a.training, eps);
            key.insert(key.end(), {a.weight != nullptr, a.bias != nullptr});
            return plan_for(key, [&] {
              const auto prop = a.training ? dnnl::prop_kind::forward_training
                                           : dnnl::prop_kind::forward_inference;
              return plan_of(describe_norm<dnnl::batch_normalization_forward>(
                                 prop, image(a.shape, batch), eps, flags),
                             {DNNL_ARG_SRC, DNNL_ARG_DST, DNNL_ARG_SCALE, DNNL_ARG_SHIFT,
                              DNNL_ARG_MEAN, DNNL_ARG_VARIANCE});
            });
          }};
}

// Its statistics are those given, of variance 1 / rstd^2 and no eps.
ChunkPlans plans_of(const BatchNormBackwardArgs& a) {
  auto flags = normalization_flags::use_scale | normalization_flags::use_shift;
  if (!a.training) flags |= normalization_flags::use_global_stats;
  return {chunks_of(a.shape, a.training), [&](int64_t batch) {
            return plan_for(key_of(batch_norm_backward_kind, a.shape, batch, a.training, 0), [&] {
              const Desc x = image(a.shape, batch);
              const auto hint = describe_norm<dnnl::batch_normalization_forward>(
                  dnnl::prop_kind::forward_training, x, 0.0f, flags);
              return plan_of(
                  describe_norm_backward<dnnl::batch_normalization_backward>(hint, x, 0.0f, flags),
                  norm_backward_arguments);
            });
          }};
}

double value(const void* values, int64_t index) {
  return static_cast<double>(static_cast<const float*>(values)[index]);
}
void put(void* values, int64_t index, double value) {
  static_cast<float*>(values)[index] = static_cast<float>(value);
}

// What is left to do of a channel whose mean and variance are known.
void finish_channel(const BatchNormArgs& a, int64_t c, double mean, double variance) {
  put(a.rstd, c, 1 / std::sqrt(variance + a.eps));
  if (!a.running_mean) return;
  const double share = a.training ? a.momentum : 0, count = static_cast<double>(a.shape.count());
  const double old_mean = value(a.running_mean, c), old_variance = value(a.running_variance, c);
  const double unbiased = variance * count / (count - 1);
  put(a.next_mean, c, share == 0 ? old_mean : (1 - share) * old_mean + share * mean);
  put(a.next_variance, c,
      share == 0 ? old_variance : (1 - share) * old_variance + share * unbiased);
}

// Workspace of the backward pass: variances, ones for a missing weight, dweight and dbias of each
// chunk, the scratchpads.
struct BackwardMemory {
  float *variance, *ones, *parts;
  int64_t array;  // floats
  char* scratchpads;

  BackwardMemory(const BatchNormShape& s, int64_t chunks, void* workspace)
      : variance(static_cast<float*>(workspace)), array(aligned(s.channels) / 4) {
    ones = variance + array;
    parts = ones + array;
    scratchpads = reinterpret_cast<char*>(parts + chunks * 2 * array);
  }
};

void add_chunks(const float* parts, int64_t chunks, int64_t step, int64_t channels, void* sums) {
  for (int64_t c = 0; c < channels; ++c) {
    double sum = 0;
    for (int64_t chunk = 0; chunk < chunks; ++chunk) sum += value(parts, chunk * step + c);
    put(sums, c, sum);
  }
}

}  // namespace

bool onednn_fits(const BatchNormArgs& args) {
  return in_range(args.shape, args.dtype) && static_cast<bool>(plans_of(args));
}

bool onednn_fits(const BatchNormBackwardArgs& args) {
  return in_range(args.shape, args.dtype) && static_cast<bool>(plans_of(args));
}

int64_t onednn_workspace(const BatchNormArgs& args) {
  const int64_t chunks = chunks_of(args.shape, args.training).chunks();
  return aligned(args.shape.channels) + chunks * plans_of(args).scratchpad_bytes();
}

int64_t onednn_workspace(const BatchNormBackwardArgs& args) {
  const int64_t chunks = chunks_of(args.shape, args.training).chunks();
  return (2 + 2 * chunks) * aligned(args.shape.channels) +
         chunks * plans_of(args).scratchpad_bytes();
}

void run_onednn(const BatchNormArgs& args, void* workspace) {
  const BatchNormShape& s = args.shape;
  const Chunks chunks = chunks_of(s, args.training);
  const ChunkPlans plans = plans_of(args);
  float* own_variance = static_cast<float*>(workspace);
  const void* mean = args.training ? args.mean : args.running_mean;
  const void* variance = args.training ? own_variance : args.running_variance;
  char* scratchpads = reinterpret_cast<char*>(own_variance + aligned(s.channels) / 4);
  parallel_for(chunks.chunks(), [&](int64_t chunk) {
    const int64_t at = chunks.begin(chunk) * s.channels * s.space;
    execute(plans.of(chunks, chunk),
            {{DNNL_ARG_SRC, static_cast<const float*>(args.x) + at},
             {DNNL_ARG_DST, static_cast<float*>(args.y) + at},
             {DNNL_ARG_SCALE, args.weight},
             {DNNL_ARG_SHIFT, args.bias},
             {DNNL_ARG_MEAN, mean},
             {DNNL_ARG_VARIANCE, variance}},
            scratchpads + chunk * plans.scratchpad_bytes());
  });
  for (int64_t c = 0; c < s.channels; ++c) {
    const double channel_mean = value(mean, c);
    put(args.mean, c, channel_mean);
    finish_channel(args, c, channel_mean, value(variance, c));
  }
}

void run_onednn(const BatchNormBackwardArgs& args, void* workspace) {
  const BatchNormShape& s = args.shape;
  const Chunks chunks = chunks_of(s, args.training);
  const ChunkPlans plans = plans_of(args);
  const BackwardMemory memory(s, chunks.chunks(), workspace);
  std::fill_n(memory.ones, s.channels, 1.0f);
  for (int64_t c = 0; c < s.channels; ++c)
    put(memory.variance, c, 1 / (value(args.rstd, c) * value(args.rstd, c)));
  const int64_t step = 2 * memory.array;
  parallel_for(chunks.chunks(), [&](int64_t chunk) {
    const int64_t at = chunks.begin(chunk) * s.channels * s.space;
    execute(plans.of(chunks, chunk),
            {{DNNL_ARG_SRC, static_cast<const float*>(args.x) + at},
             {DNNL_ARG_DIFF_DST, static_cast<const float*>(args.dy) + at},
             {DNNL_ARG_DIFF_SRC, static_cast<float*>(args.dx) + at},
             {DNNL_ARG_SCALE, args.weight ? args.weight : memory.ones},
             {DNNL_ARG_SHIFT, norm_backward_shift(memory.ones)},
             {DNNL_ARG_DIFF_SCALE, memory.parts + chunk * step},
             {DNNL_ARG_DIFF_SHIFT, memory.parts + chunk * step + memory.array},
             {DNNL_ARG_MEAN, args.mean},
             {DNNL_ARG_VARIANCE, memory.variance}},
            memory.scratchpads + chunk * plans.scratchpad_bytes());
  });
  add_chunks(memory.parts, chunks.chunks(), step, s.channels, args.dweight);
  add_chunks(memory.parts + memory.array, chunks.chunks(), step, s.channels, args.dbias);
}

}  // namespace gradus::kernels
