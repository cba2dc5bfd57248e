// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>

#include "engine/base/parallel.h"
#include "kernels/cpu/onednn/adapter.h"
#include "kernels/onednn.h"

namespace gradus::kernels {
namespace {

using namespace onednn;

constexpr int64_t most_chunks = 16;
constexpr int64_t largest_size = 1 << 15, largest_elements = int64_t{1} << 30;

bool in_range(const PoolShape& s, DType dtype) {
  if (dtype != DType::f32 || s.adaptive || s.planes == 0 || s.lanes < 2) return false;
  double elements = static_cast<double>(Chunks(s.planes, most_chunks).size * s.lanes);
  for (size_t d = 0; d < 3; ++d) {
    if (s.input[d] == 0 || s.output[d] == 0 || s.dilation[d] != 1) return false;
    for (const int64_t size : {s.input[d], s.output[d], s.kernel[d], s.stride[d], s.padding[d]})
      if (size > largest_size) return false;
    elements *= static_cast<double>(std::max(s.input[d], s.output[d]));
  }
  return elements <= static_cast<double>(largest_elements);
}

// Whether `holds` of the windows of all output positions, dim by dim.
template <class Holds>
bool all_windows(const PoolShape& s, const Holds& holds) {
  for (size_t d = 0; d < 3; ++d)
    for (int64_t o = 0; o < s.output[d]; ++o)
      if (!holds(d, s.window(d, o))) return false;
  return true;
}

bool reads_something(size_t, const PoolWindow& window) { return window.begin < window.end; }

struct PoolDescs {
  Desc input, output;
  Dims stride, kernel, gaps, padding, padding_end;

  PoolDescs(const PoolShape& s, int64_t planes)
      : stride(s.stride.begin(), s.stride.end()),
        kernel(s.kernel.begin(), s.kernel.end()),
        gaps{0, 0, 0},
        padding(s.padding.begin(), s.padding.end()),
        padding_end(3) {
    for (size_t d = 0; d < 3; ++d)
      padding_end[d] = (s.output[d] - 1) * s.stride[d] + s.kernel[d] - s.input[d] - s.padding[d];
    if (is_flat(s))
      for (Dims* dims : {&stride, &kernel, &gaps, &padding, &padding_end})
        dims->erase(dims->begin());
    input = activation(s, planes, s.input);
    output = activation(s, planes, s.output);
  }

  static bool is_flat(const PoolShape& s) {
    return s.input[0] == 1 && s.output[0] == 1 && s.kernel[0] == 1 && s.padding[0] == 0;
  }
  static Desc activation(const PoolShape& s, int64_t planes, const std::array<int64_t, 3>& sizes) {
    if (is_flat(s)) return Desc({planes, s.lanes, sizes[1], sizes[2]}, f32, Tag::nhwc);
    return Desc({planes, s.lanes, sizes[0], sizes[1], sizes[2]}, f32, Tag::ndhwc);
  }

  auto forward(dnnl::algorithm algorithm) const {
    return describe<PoolForward>(dnnl::prop_kind::forward_training, algorithm, input, output,
                                 stride, kernel, gaps, padding, padding_end);
  }
};

// Of chunks of planes.
ChunkPlans plans_of(Kind kind, const PoolShape& s, dnnl::algorithm algorithm) {
  return {Chunks(s.planes, most_chunks), [&](int64_t planes) {
            Key key{kind, static_cast<int64_t>(algorithm), planes, s.lanes};
            for (const auto* sizes : {&s.input, &s.output, &s.kernel, &s.stride, &s.padding})
              key.insert(key.end(), sizes->begin(), sizes->end());
            return plan_for(key, [&] {
              const PoolDescs d(s, planes);
              const auto forward = d.forward(algorithm);
              if (kind == pool_kind)
                return plan_of(forward, {DNNL_ARG_SRC, DNNL_ARG_DST, DNNL_ARG_WORKSPACE});
              return plan_of(
                  describe_backward<PoolBackward>(forward, algorithm, d.input, d.output, d.stride,
                                                  d.kernel, d.gaps, d.padding, d.padding_end),
                  {DNNL_ARG_DIFF_SRC, DNNL_ARG_DIFF_DST});
            });
          }};
}

constexpr auto max_pooling = dnnl::algorithm::pooling_max;

template <class Args>
dnnl::algorithm average(const Args& args) {
  return args.count_include_pad ? dnnl::algorithm::pooling_avg_include_padding
                                : dnnl::algorithm::pooling_avg_exclude_padding;
}

template <class Args>
bool average_fits(const Args& args, Kind kind) {
  const PoolShape& s = args.shape;
  if (!in_range(s, args.dtype) || args.divisor != 0 || !all_windows(s, reads_something))
    return false;
  const auto whole = [&](size_t d, const PoolWindow& w) { return w.padded == s.kernel[d]; };
  if (args.count_include_pad && !all_windows(s, whole)) return false;
  return static_cast<bool>(plans_of(kind, s, average(args)));
}

template <class Args>
int64_t average_workspace(const Args& args, Kind kind) {
  return Chunks(args.shape.planes, most_chunks).chunks() *
         plans_of(kind, args.shape, average(args)).scratchpad_bytes();
}

// oneDNN's record of a window's largest element is its number within the window.
void indices_of(const PoolShape& s, int64_t planes, const uint8_t* bytes, const int32_t* words,
                int64_t* indices) {
  const int64_t area = s.kernel[1] * s.kernel[2];
  for (int64_t row = 0, at = 0; row < planes * s.output_size(); ++row) {
    const int64_t p = row % s.output_size(), w = p % s.output[2];
    const int64_t h = p / s.output[2] % s.output[1], d = p / s.output[2] / s.output[1];
    const int64_t left = w * s.stride[2] - s.padding[2];
    const int64_t top = h * s.stride[1] - s.padding[1], front = d * s.stride[0] - s.padding[0];
    for (int64_t lane = 0; lane < s.lanes; ++lane, ++at) {
      const int64_t tap = bytes ? bytes[at] : words[at];
      const int64_t z = front + tap / area, y = top + tap % area / s.kernel[2];
      indices[at] = (z * s.input[1] + y) * s.input[2] + left + tap % s.kernel[2];
    }
  }
}

// Whether oneDNN's maximum, which starts from -FLT_MAX and drops NaN, is ours.
bool is_plain(const float* values, int64_t count) {
  int64_t plain = 0;
  for (int64_t i = 0; i < count; ++i) plain += values[i] > std::numeric_limits<float>::lowest();
  return plain == count;
}

}  // namespace

bool onednn_fits(const MaxPoolArgs& args) {
  return in_range(args.shape, args.dtype) && all_windows(args.shape, reads_something) &&
         static_cast<bool>(plans_of(pool_kind, args.shape, max_pooling));
}

int64_t onednn_workspace(const MaxPoolArgs& args) {
  const ChunkPlans plans = plans_of(pool_kind, args.shape, max_pooling);
  return Chunks(args.shape.planes, most_chunks).chunks() *
         (plans.full->bytes(DNNL_ARG_WORKSPACE) + plans.scratchpad_bytes());
}

void run_onednn(const MaxPoolArgs& args, void* workspace) {
  const PoolShape& s = args.shape;
  const Chunks chunks(s.planes, most_chunks);
  const ChunkPlans plans = plans_of(pool_kind, s, max_pooling);
  const int64_t record_bytes = plans.full->bytes(DNNL_ARG_WORKSPACE);
  const int64_t in = s.input_size() * s.lanes, out = s.output_size() * s.lanes;
  parallel_for(chunks.chunks(), [&](int64_t chunk) {
    const int64_t first = chunks.begin(chunk), planes = chunks.length(chunk);
    MaxPoolArgs part = args;
    part.shape.planes = planes;
    part.input = static_cast<const float*>(args.input) + first * in;
    part.output = static_cast<float*>(args.output) + first * out;
    part.indices += first * out;
    if (!is_plain(static_cast<const float*>(part.input), planes * in)) return max_pool_cpu(part);
    const Plan& plan = plans.of(chunks, chunk);
    char* record =
        static_cast<char*>(workspace) + chunk * (record_bytes + plans.scratchpad_bytes());
    execute(plan,
            {{DNNL_ARG_SRC, part.input}, {DNNL_ARG_DST, part.output}, {DNNL_ARG_WORKSPACE, record}},
            record + record_bytes);
    const bool bytes = static_cast<int64_t>(plan.desc(DNNL_ARG_WORKSPACE).get_size()) <
                       planes * out * static_cast<int64_t>(sizeof(int32_t));
    indices_of(s, planes, bytes ? reinterpret_cast<const uint8_t*>(record) : nullptr,
               reinterpret_cast<const int32_t*>(record), part.indices);
  });
}

bool onednn_fits(const AvgPoolArgs& args) { return average_fits(args, pool_kind); }
bool onednn_fits(const AvgPoolBackwardArgs& args) { return average_fits(args, pool_backward_kind); }

int64_t onednn_workspace(const AvgPoolArgs& args) { return average_workspace(args, pool_kind); }
int64_t onednn_workspace(const AvgPoolBackwardArgs& args) {
  return average_workspace(args, pool_backward_kind);
}

void run_onednn(const AvgPoolArgs& args, void* workspace) {
  const PoolShape& s = args.shape;
  const Chunks chunks(s.planes, most_chunks);
  const ChunkPlans plans = plans_of(pool_kind, s, average(args));
  parallel_for(chunks.chunks(), [&](int64_t chunk) {
    const int64_t first = chunks.begin(chunk) * s.lanes;
    execute(plans.of(chunks, chunk),
            {{DNNL_ARG_SRC, static_cast<const float*>(args.input) + first * s.input_size()},
             {DNNL_ARG_DST, static_cast<float*>(args.output) + first * s.output_size()}},
            static_cast<char*>(workspace) + chunk * plans.scratchpad_bytes());
  });
}

void run_onednn(const AvgPoolBackwardArgs& args, void* workspace) {
  const PoolShape& s = args.shape;
  const Chunks chunks(s.planes, most_chunks);
  const ChunkPlans plans = plans_of(pool_backward_kind, s, average(args));
  parallel_for(chunks.chunks(), [&](int64_t chunk) {
    const int64_t first = chunks.begin(chunk) * s.lanes;
    execute(plans.of(chunks, chunk),
            {{DNNL_ARG_DIFF_SRC, static_cast<float*>(args.input_gradient) + first * s.input_size()},
             {DNNL_ARG_DIFF_DST,
              static_cast<const float*>(args.output_gradient) + first * s.output_size()}},
            static_cast<char*>(workspace) + chunk * plans.scratchpad_bytes());
  });
}

}  // namespace gradus::kernels
