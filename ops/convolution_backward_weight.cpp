// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "kernels/convolution.h"
#include "ops/convolution_support.h"
#include "ops/onednn_variant.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {
namespace {

// (out, in / groups, kernel_size...)
Shape weight_shape(const Shape& input, const Shape& gradient, const Attrs& attrs) {
  Shape shape = {activation_channels(gradient, attrs),
                 activation_channels(input, attrs) / attrs.integer("groups")};
  for (int64_t size : attrs.integers("kernel_size")) shape.push_back(size);
  return shape;
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec &input = args.in[0], &dy = args.in[1];
  const int spatial = input.shape.rank() - 2;
  GRADUS_CHECK(spatial >= 1 && spatial <= 3 && dy.shape.rank() == input.shape.rank(),
               "[{}] expected a batch, channels and 1 to 3 spatial dims and a grad_output of as "
               "many dims, got {} and {}",
               args.op, to_string(input.shape), to_string(dy.shape));
  GRADUS_CHECK(dy.dtype == input.dtype, "[{}] tensors of one dtype expected, got {} and {}",
               args.op, dtype_name(input.dtype), dtype_name(dy.dtype));
  check_sizes(args.attrs.integers("kernel_size"), spatial, args.op, "kernel_size");
  GRADUS_CHECK(args.attrs.integer("groups") >= 1,
               "[{}] attribute 'groups', expected at least 1, got {}", args.op,
               args.attrs.integer("groups"));
  const Shape weight = weight_shape(input.shape, dy.shape, args.attrs);
  const auto shape = convolution_shape(input.shape, weight, args.attrs, args.op);
  GRADUS_CHECK(convolution_output(shape, spatial) == dy.shape,
               "[{}] grad_output, expected {} for an input {} and a weight {}, got {}", args.op,
               to_string(convolution_output(shape, spatial)), to_string(input.shape),
               to_string(weight), to_string(dy.shape));
  return {{input.dtype, weight}};
}

template <class Call>
kernels::ConvolutionBackwardWeightArgs kernel_args(const Call& call) {
  return {call.in[0].dtype, convolution_shape(call.in[0].shape, call.out[0].shape, call.attrs,
                                              "convolution_backward_weight")};
}

kernels::ConvolutionBackwardWeightArgs bound_args(const RunArgs& run) {
  kernels::ConvolutionBackwardWeightArgs args = kernel_args(run);
  args.input = run.in[0].data;
  args.output_gradient = run.in[1].data;
  args.weight_gradient = run.out[0].data;
  return args;
}

void run_packed(const RunArgs& run) {
  kernels::convolution_backward_weight_cpu_packed(bound_args(run), run.workspace);
}
int64_t packed_workspace(const KernelQuery& query) {
  return kernels::convolution_backward_weight_packed_workspace(query.in[0].dtype,
                                                               kernel_args(query).shape);
}
void run_channels_last(const RunArgs& run) {
  kernels::convolution_backward_weight_cpu_channels_last(bound_args(run), run.workspace);
}
int64_t channels_last_workspace(const KernelQuery& query) {
  return kernels::convolution_backward_weight_channels_last_workspace(kernel_args(query).shape);
}
bool channels_last(const KernelQuery& query) {
  return query.attrs.boolean("channels_last") && query.in[0].dtype == DType::f32;
}
void run_few_channels(const RunArgs& run) {
  kernels::convolution_backward_weight_cpu_few_channels(bound_args(run), run.workspace);
}
int64_t few_channels_workspace(const KernelQuery& query) {
  return kernels::convolution_backward_weight_few_channels_workspace(kernel_args(query).shape);
}
bool fits_few_channels(const KernelQuery& query) {
  return channels_last(query) && kernels::convolution_fits_few_channels(kernel_args(query).shape);
}
void run_winograd(const RunArgs& run) {
  kernels::convolution_backward_weight_cpu_winograd(bound_args(run), run.workspace);
}
int64_t winograd_workspace(const KernelQuery& query) {
  return kernels::convolution_backward_weight_winograd_workspace(kernel_args(query).shape);
}
bool fits_winograd(const KernelQuery& query) {
  return channels_last(query) && kernels::convolution_fits_winograd(kernel_args(query).shape);
}
bool channels_first(const KernelQuery& query) { return !query.attrs.boolean("channels_last"); }
void run_reference(const RunArgs& run) {
  kernels::convolution_backward_weight_cpu_reference(bound_args(run));
}

// Bilinear in input and dy: both adjoints take the gradient in the place of the weight.
std::vector<Value> grad(GradArgs& args) {
  const Value input = args.in[0], dy = args.in[1], dz = args.dout[0];
  std::vector<Value> result(2);
  AttrList plain = with_size(args.attrs, "input_size", activation_sizes(input.shape(), args.attrs));
  if (args.wants(0)) result[0] = apply1("convolution_backward_input", {dy, dz}, plain);
  plain.erase(plain.begin());
  if (args.wants(1)) result[1] = apply1("convolution", {input, dz}, plain);
  return result;
}

std::vector<Sample> samples() {
  using List = AttrValue::Integers;
  const auto with = [](const Shape& x, const Shape& dy, List size, AttrList attrs) {
    attrs.emplace_back("kernel_size", std::move(size));
    return Sample{.inputs = {{.shape = x}, {.shape = dy}}, .attrs = std::move(attrs)};
  };
  std::vector<Sample> list = {
      with({2, 3, 7}, {2, 4, 5}, {3}, {}),
      with({1, 2, 5, 6}, {1, 3, 3, 5}, {3, 2}, {}),
      with({1, 2, 4, 5, 3}, {1, 2, 3, 3, 2}, {2, 3, 2}, {}),
      with({2, 4, 8, 6}, {2, 4, 3, 4}, {3, 3}, {{"stride", List{2, 1}}, {"groups", 2}}),
      with({1, 2, 9, 8}, {1, 2, 7, 9}, {3, 2}, {{"dilation", List{2, 3}}, {"padding", List{1, 2}}}),
      with({1, 1, 5}, {1, 1, 2}, {2}, {{"padding_end", -1}, {"stride", 2}}),
      with({1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1}, {}),
      with({0, 2, 5, 5}, {0, 3, 3, 3}, {3, 3}, {}),
      with({3, 5, 11, 13}, {3, 33, 11, 13}, {3, 3}, {{"padding", 1}}),
      with({32, 64, 32, 32}, {32, 64, 32, 32}, {3, 3}, {{"padding", 1}}),
      with({64, 1, 28, 28}, {64, 32, 28, 28}, {3, 3}, {{"padding", 1}})};
  list[8].grad = list[8].second = false;
  list[9].bench = list[10].bench = true;
  add_channels_last(list, 2);
  return list;
}

Cost cost(const KernelQuery& query) {
  return {kernel_args(query).shape.flops(), least_bytes(query)};
}

}  // namespace

OpDef convolution_backward_weight_op() {
  std::vector<AttrSpec> attributes = convolution_attributes();
  attributes.insert(attributes.begin(), {"kernel_size", AttrType::integers, {}, true});
  return {.name = "convolution_backward_weight",
          .doc =
              "the adjoint of convolution in its weight: the gradient of a weight whose spatial "
              "dims are kernel_size",
          .inputs = {{"input"}, {"grad_output"}},
          .attributes = attributes,
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
