// SPDX-License-Identifier: Apache-2.0
// One call in one thread, outside of any parallel region: oneDNN's batch norms meet at an OpenMP
// barrier, which inside of one would be our threads' barrier and wait for ever; and cut by its own
// number of threads their sums would depend on it.
#include <algorithm>
#include <bit>
#include <cmath>

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

// Rows of channels are one image, channels last.
Desc image(const BatchNormShape& s) {
  if (s.space == 1) return Desc({1, s.channels, s.batch, 1}, f32, Tag::nhwc);
  return Desc({s.batch, s.channels, s.space, 1}, f32, Tag::nchw);
}

Key key_of(Kind kind, const BatchNormShape& s, bool training, float eps) {
  return {kind, s.batch, s.channels, s.space, training, std::bit_cast<int32_t>(eps)};
}

using dnnl::normalization_flags;

PlanPointer find(const BatchNormArgs& a) {
  const float eps = static_cast<float>(a.eps);
  auto flags = a.training ? normalization_flags::none : normalization_flags::use_global_stats;
  if (a.weight) flags |= normalization_flags::use_scale;
  if (a.bias) flags |= normalization_flags::use_shift;
  Key key = key_of(batch_norm_kind, a.shape, a.training, eps);
  key.insert(key.end(), {a.weight != nullptr, a.bias != nullptr});
  return plan_for(key, [&] {
    const auto prop =
        a.training ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
    return plan_of(
        describe_norm<dnnl::batch_normalization_forward>(prop, image(a.shape), eps, flags),
        {DNNL_ARG_SRC, DNNL_ARG_DST, DNNL_ARG_SCALE, DNNL_ARG_SHIFT, DNNL_ARG_MEAN,
         DNNL_ARG_VARIANCE});
  });
}

// Its statistics are those given, of variance 1 / rstd^2 and no eps.
PlanPointer find(const BatchNormBackwardArgs& a) {
  auto flags = normalization_flags::use_scale | normalization_flags::use_shift;
  if (!a.training) flags |= normalization_flags::use_global_stats;
  return plan_for(key_of(batch_norm_backward_kind, a.shape, a.training, 0), [&] {
    const Desc x = image(a.shape);
    const auto hint = describe_norm<dnnl::batch_normalization_forward>(
        dnnl::prop_kind::forward_training, x, 0.0f, flags);
    return plan_of(describe_norm_backward<dnnl::batch_normalization_backward>(hint, x, 0.0f, flags),
                   norm_backward_arguments);
  });
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

}  // namespace

bool onednn_fits(const BatchNormArgs& args) {
  return in_range(args.shape, args.dtype) && find(args) != nullptr;
}

bool onednn_fits(const BatchNormBackwardArgs& args) {
  return in_range(args.shape, args.dtype) && find(args) != nullptr;
}

// The batch's variances, then the scratchpad.
int64_t onednn_workspace(const BatchNormArgs& args) {
  return aligned(args.shape.channels) + find(args)->scratchpad_bytes;
}

// Variances, ones for a missing weight, the scratchpad.
int64_t onednn_workspace(const BatchNormBackwardArgs& args) {
  return 2 * aligned(args.shape.channels) + find(args)->scratchpad_bytes;
}

void run_onednn(const BatchNormArgs& args, void* workspace) {
  const void* mean = args.training ? args.mean : args.running_mean;
  const void* variance = args.training ? workspace : args.running_variance;
  execute(*find(args),
          {{DNNL_ARG_SRC, args.x},
           {DNNL_ARG_DST, args.y},
           {DNNL_ARG_SCALE, args.weight},
           {DNNL_ARG_SHIFT, args.bias},
           {DNNL_ARG_MEAN, mean},
           {DNNL_ARG_VARIANCE, variance}},
          static_cast<char*>(workspace) + aligned(args.shape.channels));
  for (int64_t c = 0; c < args.shape.channels; ++c) {
    const double channel_mean = value(mean, c);
    put(args.mean, c, channel_mean);
    finish_channel(args, c, channel_mean, value(variance, c));
  }
}

void run_onednn(const BatchNormBackwardArgs& args, void* workspace) {
  float* variance = static_cast<float*>(workspace);
  float* ones = variance + aligned(args.shape.channels) / 4;
  std::fill_n(ones, args.shape.channels, 1.0f);
  for (int64_t c = 0; c < args.shape.channels; ++c)
    put(variance, c, 1 / (value(args.rstd, c) * value(args.rstd, c)));
  execute(*find(args),
          {{DNNL_ARG_SRC, args.x},
           {DNNL_ARG_DIFF_DST, args.dy},
           {DNNL_ARG_DIFF_SRC, args.dx},
           {DNNL_ARG_SCALE, args.weight ? args.weight : ones},
           {DNNL_ARG_SHIFT, batch_norm_backward_takes_shift ? ones : nullptr},
           {DNNL_ARG_DIFF_SCALE, args.dweight},
           {DNNL_ARG_DIFF_SHIFT, args.dbias},
           {DNNL_ARG_MEAN, args.mean},
           {DNNL_ARG_VARIANCE, variance}},
          static_cast<char*>(workspace) + 2 * aligned(args.shape.channels));
}

}  // namespace gradus::kernels
