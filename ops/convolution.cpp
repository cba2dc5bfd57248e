// SPDX-License-Identifier: Apache-2.0
#include "kernels/convolution.h"

#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "ops/convolution_support.h"
#include "ops/onednn_variant.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec &input = args.in[0], &weight = args.in[1];
  const auto shape = convolution_shape(input.shape, weight.shape, args.attrs, args.op);
  for (size_t i = 1; i < args.in.size(); ++i)
    GRADUS_CHECK(!args.has(i) || args.in[i].dtype == input.dtype,
                 "[{}] tensors of one dtype expected, got {} and {}", args.op,
                 dtype_name(input.dtype), dtype_name(args.in[i].dtype));
  GRADUS_CHECK(!args.has(2) || args.in[2].shape == Shape{weight.shape[0]},
               "[{}] bias, expected ({}), got {}", args.op, weight.shape[0],
               to_string(args.in[2].shape));
  return {{input.dtype, convolution_output(shape, input.shape.rank() - 2)}};
}

template <class Call>
kernels::ConvolutionArgs kernel_args(const Call& call) {
  return {call.in[0].dtype,
          convolution_shape(call.in[0].shape, call.in[1].shape, call.attrs, "convolution")};
}

kernels::ConvolutionArgs bound_args(const RunArgs& run) {
  kernels::ConvolutionArgs args = kernel_args(run);
  args.input = run.in[0].data;
  args.weight = run.in[1].data;
  args.bias = run.has(2) ? run.in[2].data : nullptr;
  args.output = run.out[0].data;
  return args;
}

void run_packed(const RunArgs& run) {
  kernels::convolution_cpu_packed(bound_args(run), run.workspace);
}
int64_t packed_workspace(const KernelQuery& query) {
  return kernels::convolution_packed_workspace(query.in[0].dtype, kernel_args(query).shape);
}
void run_channels_last(const RunArgs& run) {
  kernels::convolution_cpu_channels_last(bound_args(run), run.workspace);
}
int64_t channels_last_workspace(const KernelQuery& query) {
  return kernels::convolution_channels_last_workspace(kernel_args(query).shape);
}
bool channels_last(const KernelQuery& query) {
  return query.attrs.boolean("channels_last") && query.in[0].dtype == DType::f32;
}
void run_few_channels(const RunArgs& run) {
  kernels::convolution_cpu_few_channels(bound_args(run), run.workspace);
}
int64_t few_channels_workspace(const KernelQuery& query) {
  return kernels::convolution_few_channels_workspace(kernel_args(query).shape);
}
bool fits_few_channels(const KernelQuery& query) {
  return channels_last(query) && kernels::convolution_fits_few_channels(kernel_args(query).shape);
}
void run_winograd(const RunArgs& run) {
  kernels::convolution_cpu_winograd(bound_args(run), run.workspace);
}
int64_t winograd_workspace(const KernelQuery& query) {
  return kernels::convolution_winograd_workspace(kernel_args(query).shape);
}
bool fits_winograd(const KernelQuery& query) {
  return channels_last(query) && kernels::convolution_fits_winograd(kernel_args(query).shape);
}
bool channels_first(const KernelQuery& query) { return !query.attrs.boolean("channels_last"); }
void run_reference(const RunArgs& run) { kernels::convolution_cpu_reference(bound_args(run)); }

std::vector<Value> grad(GradArgs& args) {
  const Value input = args.in[0], weight = args.in[1], dy = args.dout[0];
  std::vector<Value> result(3);
  if (args.wants(0))
    result[0] =
        apply1("convolution_backward_input", {dy, weight},
               with_size(args.attrs, "input_size", activation_sizes(input.shape(), args.attrs)));
  if (args.wants(1))
    result[1] =
        apply1("convolution_backward_weight", {input, dy},
               with_size(args.attrs, "kernel_size", Shape(weight.shape().sizes().subspan(2))));
  if (args.wants(2)) result[2] = sum(dy, activation_dims(dy.shape(), args.attrs));
  return result;
}

std::vector<Sample> samples() {
  const auto with = [](const Shape& x, const Shape& weight, AttrList attrs, bool bias = true) {
    const SampleInput b{.shape = {weight[0]}};
    return Sample{.inputs = {{.shape = x}, {.shape = weight}, bias ? b : SampleInput::absent()},
                  .attrs = std::move(attrs)};
  };
  using List = AttrValue::Integers;
  std::vector<Sample> list = {
      with({2, 3, 7}, {4, 3, 3}, {}),
      with({1, 2, 5, 6}, {3, 2, 3, 2}, {}, false),
      with({1, 2, 4, 5, 3}, {2, 2, 2, 3, 2}, {}),
      with({2, 4, 7, 6}, {4, 2, 3, 3}, {{"stride", List{2, 1}}, {"groups", 2}}),
      with({1, 3, 7, 5}, {3, 1, 3, 3}, {{"padding", 1}, {"groups", 3}}),
      with({1, 2, 9, 8}, {2, 2, 3, 2}, {{"dilation", List{2, 3}}, {"padding", List{1, 2}}}),
      with({1, 2, 6, 5}, {2, 2, 4, 2}, {{"padding", List{1, 0}}, {"padding_end", List{2, 1}}}),
      with({1, 1, 6}, {1, 1, 2}, {{"padding_end", -1}, {"stride", 2}}),
      with({1, 1, 1, 1}, {1, 1, 1, 1}, {}),
      with({0, 2, 5, 5}, {3, 2, 3, 3}, {}),
      with({1, 0, 5, 5}, {3, 0, 3, 3}, {}),
      with({2, 5, 11, 13}, {33, 5, 3, 3}, {{"padding", 1}}),
      with({1, 3, 8}, {2, 3, 1}, {{"stride", 3}}),
      with({32, 64, 32, 32}, {64, 64, 3, 3}, {{"padding", 1}}, false),
      with({32, 64, 32, 32}, {128, 64, 3, 3}, {{"padding", 1}, {"stride", 2}}, false),
      with({64, 1, 28, 28}, {32, 1, 3, 3}, {{"padding", 1}})};
  list[11].grad = list[11].second = false;  // odd sizes past a vector; too many for differences
  for (size_t i = list.size() - 3; i < list.size(); ++i) list[i].bench = true;
  add_channels_last(list, 1);
  return list;
}

Cost cost(const KernelQuery& query) {
  return {kernel_args(query).shape.flops(), least_bytes(query)};
}

}  // namespace

OpDef convolution_op() {
  return {.name = "convolution",
          .doc =
              "cross-correlation of input (batch, channels, 1 to 3 spatial dims) with weight "
              "(out, channels / groups, kernel), plus bias; conv1d, conv2d and conv3d are made "
              "of it",
          .inputs = {{"input"}, {"weight"}, {"bias", InputKind::optional}},
          .attributes = convolution_attributes(),
          .infer = infer,
          .grad = grad,
          .cpu = with_onednn<bound_args>(
              {{"winograd", run_winograd, winograd_workspace, fits_winograd},
               {"few_channels", run_few_channels, few_channels_workspace, fits_few_channels},
               {"channels_last", run_channels_last, channels_last_workspace, channels_last},
               {"packed", run_packed, packed_workspace, channels_first},
               {"reference", run_reference}}),
          .autocast = AutocastClass::low_precision,
          .samples = samples,
          .cost = cost};
}

}  // namespace gradus
