// SPDX-License-Identifier: Apache-2.0
#include "engine/base/parallel.h"
#include "kernels/cpu/onednn/convolution_plans.h"
#include "kernels/onednn.h"

namespace gradus::kernels {
namespace {

using namespace onednn;

constexpr int64_t most_weight_parts = 8;

// The workspace: the weight in oneDNN's layout (of each part, for its gradient), then a scratchpad
// for each chunk.
struct Memory {
  char *weight, *scratchpads;
  int64_t weight_bytes, scratchpad_bytes;

  Memory(const ConvolutionPlans& plans, int64_t weights, void* workspace)
      : weight(static_cast<char*>(workspace)),
        scratchpads(weight + weights * plans.weight_bytes()),
        weight_bytes(plans.weight_bytes()),
        scratchpad_bytes(plans.scratchpad_bytes()) {}
  char* scratchpad(int64_t chunk) const { return scratchpads + chunk * scratchpad_bytes; }
};

int64_t workspace_bytes(const ConvolutionPlans& plans, int64_t weights) {
  return weights * plans.weight_bytes() + plans.chunks().chunks() * plans.scratchpad_bytes();
}

ConvolutionPlans plans_of(const ConvolutionArgs& args) {
  return {convolution_kind, args.shape, args.bias != nullptr, most_image_chunks};
}
ConvolutionPlans plans_of(const ConvolutionBackwardInputArgs& args) {
  return {convolution_backward_input_kind, args.shape, false, most_image_chunks};
}
ConvolutionPlans plans_of(const ConvolutionBackwardWeightArgs& args) {
  return {convolution_backward_weight_kind, args.shape, false, most_weight_parts};
}

template <class Args>
bool fits(const Args& args) {
  return args.dtype == DType::f32 && convolution_in_range(args.shape) &&
         static_cast<bool>(plans_of(args));
}

const float* image(const void* data, int64_t index, int64_t elements) {
  return static_cast<const float*>(data) + index * elements;
}

// Adds parts 1, 2, ... of `count` elements to part 0; `step` is from part to part.
void add_parts(float* parts, int64_t number, int64_t step, int64_t count) {
  parallel_range(count, 4096, [&](int64_t begin, int64_t end) {
    for (int64_t part = 1; part < number; ++part)
      for (int64_t i = begin; i < end; ++i) parts[i] += parts[part * step + i];
  });
}

}  // namespace

bool onednn_fits(const ConvolutionArgs& args) { return fits(args); }
bool onednn_fits(const ConvolutionBackwardInputArgs& args) { return fits(args); }
bool onednn_fits(const ConvolutionBackwardWeightArgs& args) { return fits(args); }

int64_t onednn_workspace(const ConvolutionArgs& args) { return workspace_bytes(plans_of(args), 1); }
int64_t onednn_workspace(const ConvolutionBackwardInputArgs& args) {
  return workspace_bytes(plans_of(args), 1);
}
int64_t onednn_workspace(const ConvolutionBackwardWeightArgs& args) {
  const ConvolutionPlans plans = plans_of(args);
  return workspace_bytes(plans, plans.chunks().chunks());
}

void run_onednn(const ConvolutionArgs& args, void* workspace) {
  const ConvolutionPlans plans = plans_of(args);
  const Memory memory(plans, 1, workspace);
  const ConvolutionShape& s = args.shape;
  execute(plans.to_chosen(), {{DNNL_ARG_FROM, args.weight}, {DNNL_ARG_TO, memory.weight}},
          memory.scratchpad(0));
  parallel_for(plans.chunks().chunks(), [&](int64_t chunk) {
    const int64_t first = plans.chunks().begin(chunk);
    execute(plans.of(chunk),
            {{DNNL_ARG_SRC, image(args.input, first, s.in_channels * s.input_size())},
             {DNNL_ARG_WEIGHTS, memory.weight},
             {DNNL_ARG_BIAS, args.bias},
             {DNNL_ARG_DST, image(args.output, first, s.out_channels * s.output_size())}},
            memory.scratchpad(chunk));
  });
}

void run_onednn(const ConvolutionBackwardInputArgs& args, void* workspace) {
  const ConvolutionPlans plans = plans_of(args);
  const Memory memory(plans, 1, workspace);
  const ConvolutionShape& s = args.shape;
  execute(plans.to_chosen(), {{DNNL_ARG_FROM, args.weight}, {DNNL_ARG_TO, memory.weight}},
          memory.scratchpad(0));
  parallel_for(plans.chunks().chunks(), [&](int64_t chunk) {
    const int64_t first = plans.chunks().begin(chunk);
    execute(
        plans.of(chunk),
        {{DNNL_ARG_DIFF_SRC, image(args.input_gradient, first, s.in_channels * s.input_size())},
         {DNNL_ARG_WEIGHTS, memory.weight},
         {DNNL_ARG_DIFF_DST, image(args.output_gradient, first, s.out_channels * s.output_size())}},
        memory.scratchpad(chunk));
  });
}

void run_onednn(const ConvolutionBackwardWeightArgs& args, void* workspace) {
  const ConvolutionPlans plans = plans_of(args);
  const int64_t parts = plans.chunks().chunks();
  const Memory memory(plans, parts, workspace);
  const ConvolutionShape& s = args.shape;
  parallel_for(parts, [&](int64_t part) {
    const int64_t first = plans.chunks().begin(part);
    execute(
        plans.of(part),
        {{DNNL_ARG_SRC, image(args.input, first, s.in_channels * s.input_size())},
         {DNNL_ARG_DIFF_WEIGHTS, memory.weight + part * memory.weight_bytes},
         {DNNL_ARG_DIFF_DST, image(args.output_gradient, first, s.out_channels * s.output_size())}},
        memory.scratchpad(part));
  });
  const int64_t floats = static_cast<int64_t>(plans.to_plain().desc(DNNL_ARG_FROM).get_size()) / 4;
  add_parts(reinterpret_cast<float*>(memory.weight), parts, memory.weight_bytes / 4, floats);
  execute(plans.to_plain(), {{DNNL_ARG_FROM, memory.weight}, {DNNL_ARG_TO, args.weight_gradient}},
          memory.scratchpad(0));
}

}  // namespace gradus::kernels
