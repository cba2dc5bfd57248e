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

// batch, in_channels and input_size, from the gradient's batch and the weight's channels.
Shape input_shape(const Shape& gradient, const Shape& weight, const Attrs& attrs) {
  return activation_shape(gradient[0], weight[1] * attrs.integer("groups"),
                          attrs.integers("input_size"), attrs.boolean("channels_last"));
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec &dy = args.in[0], &weight = args.in[1];
  const int spatial = dy.shape.rank() - 2;
  GRADUS_CHECK(spatial >= 1 && spatial <= 3 && weight.shape.rank() == dy.shape.rank(),
               "[{}] expected a batch, channels and 1 to 3 spatial dims and a weight of as many "
               "dims, got {} and {}",
               args.op, to_string(dy.shape), to_string(weight.shape));
  GRADUS_CHECK(dy.dtype == weight.dtype, "[{}] tensors of one dtype expected, got {} and {}",
               args.op, dtype_name(dy.dtype), dtype_name(weight.dtype));
  check_sizes(args.attrs.integers("input_size"), spatial, args.op, "input_size");
  const int64_t groups = args.attrs.integer("groups");
  GRADUS_CHECK(groups >= 1 && groups <= std::max<int64_t>(weight.shape[0], 1),
               "[{}] attribute 'groups', expected from 1 to {}, got {}", args.op, weight.shape[0],
               groups);
  const Shape input = input_shape(dy.shape, weight.shape, args.attrs);
  const auto shape = convolution_shape(input, weight.shape, args.attrs, args.op);
  GRADUS_CHECK(convolution_output(shape, spatial) == dy.shape,
               "[{}] grad_output, expected {} for an input {} and a weight {}, got {}", args.op,
               to_string(convolution_output(shape, spatial)), to_string(input),
               to_string(weight.shape), to_string(dy.shape));
  (void)input.numel();
  return {{dy.dtype, input}};
}

template <class Call>
kernels::ConvolutionBackwardInputArgs kernel_args(const Call& call) {
  return {call.in[0].dtype, convolution_shape(call.out[0].shape, call.in[1].shape, call.attrs,
                                              "convolution_backward_input")};
}

kernels::ConvolutionBackwardInputArgs bound_args(const RunArgs& run) {
  kernels::ConvolutionBackwardInputArgs args = kernel_args(run);
  args.output_gradient = run.in[0].data;
  args.weight = run.in[1].data;
  args.input_gradient = run.out[0].data;
  return args;
}

void run_packed(const RunArgs& run) {
  kernels::convolution_backward_input_cpu_packed(bound_args(run), run.workspace);
}
int64_t packed_workspace(const KernelQuery& query) {
  return kernels::convolution_backward_input_packed_workspace(query.in[0].dtype,
                                                              kernel_args(query).shape);
}
void run_channels_last(const RunArgs& run) {
  kernels::convolution_backward_input_cpu_channels_last(bound_args(run), run.workspace);
}
int64_t channels_last_workspace(const KernelQuery& query) {
  return kernels::convolution_backward_input_channels_last_workspace(kernel_args(query).shape);
}
bool channels_last(const KernelQuery& query) {
  return query.attrs.boolean("channels_last") && query.in[0].dtype == DType::f32;
}
void run_winograd(const RunArgs& run) {
  kernels::convolution_backward_input_cpu_winograd(bound_args(run), run.workspace);
}
int64_t winograd_workspace(const KernelQuery& query) {
  return kernels::convolution_backward_input_winograd_workspace(kernel_args(query).shape);
}
bool fits_winograd(const KernelQuery& query) {
  return channels_last(query) && kernels::convolution_fits_winograd(kernel_args(query).shape);
}
bool channels_first(const KernelQuery& query) { return !query.attrs.boolean("channels_last"); }
void run_reference(const RunArgs& run) {
  kernels::convolution_backward_input_cpu_reference(bound_args(run));
}

// Linear in both inputs: the adjoint in dy is the convolution itself.
std::vector<Value> grad(GradArgs& args) {
  const Value dy = args.in[0], weight = args.in[1], dz = args.dout[0];
  std::vector<Value> result(2);
  AttrList plain = with_size(args.attrs, "kernel_size", Shape(weight.shape().sizes().subspan(2)));
  if (args.wants(1)) result[1] = apply1("convolution_backward_weight", {dz, dy}, plain);
  plain.erase(plain.begin());
  if (args.wants(0)) result[0] = apply1("convolution", {dz, weight}, plain);
  return result;
}

std::vector<Sample> samples() {
  using List = AttrValue::Integers;
  const auto with = [](const Shape& dy, const Shape& weight, List size, AttrList attrs) {
    attrs.emplace_back("input_size", std::move(size));
    return Sample{.inputs = {{.shape = dy}, {.shape = weight}}, .attrs = std::move(attrs)};
  };
  std::vector<Sample> list = {
      with({2, 4, 5}, {4, 3, 3}, {7}, {}),
      with({1, 3, 3, 5}, {3, 2, 3, 2}, {5, 6}, {}),
      with({1, 2, 3, 3, 2}, {2, 2, 2, 3, 2}, {4, 5, 3}, {}),
      with({2, 4, 3, 4}, {4, 2, 3, 3}, {7, 6}, {{"stride", List{2, 1}}, {"groups", 2}}),
      with({2, 4, 3, 4}, {4, 2, 3, 3}, {8, 6}, {{"stride", List{2, 1}}, {"groups", 2}}),
      with({1, 2, 7, 9}, {2, 2, 3, 2}, {9, 8}, {{"dilation", List{2, 3}}, {"padding", List{1, 2}}}),
      with({1, 1, 2}, {1, 1, 2}, {5}, {{"padding_end", -1}, {"stride", 2}}),
      with({1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1}, {}),
      with({0, 3, 3, 3}, {3, 2, 3, 3}, {5, 5}, {}),
      with({2, 33, 11, 13}, {33, 5, 3, 3}, {11, 13}, {{"padding", 1}}),
      with({32, 64, 32, 32}, {64, 64, 3, 3}, {32, 32}, {{"padding", 1}}),
      with({32, 128, 16, 16}, {128, 64, 3, 3}, {32, 32}, {{"padding", 1}, {"stride", 2}})};
  list[9].grad = list[9].second = false;
  list[10].bench = list[11].bench = true;
  add_channels_last(list, 1);
  return list;
}

Cost cost(const KernelQuery& query) {
  return {kernel_args(query).shape.flops(), least_bytes(query)};
}

}  // namespace

OpDef convolution_backward_input_op() {
  std::vector<AttrSpec> attributes = convolution_attributes();
  attributes.insert(attributes.begin(), {"input_size", AttrType::integers, {}, true});
  return {.name = "convolution_backward_input",
          .doc =
              "the adjoint of convolution in its input: the gradient of an input whose spatial "
              "dims are input_size; conv_transpose1d, 2d and 3d are made of it",
          .inputs = {{"grad_output"}, {"weight"}},
          .attributes = attributes,
          .infer = infer,
          .grad = grad,
          .cpu = with_onednn<bound_args>(
              {{"winograd", run_winograd, winograd_workspace, fits_winograd},
               {"channels_last", run_channels_last, channels_last_workspace, channels_last},
               {"packed", run_packed, packed_workspace, channels_first},
               {"reference", run_reference}}),
          .autocast = AutocastClass::low_precision,
          .samples = samples,
          .cost = cost};
}

}  // namespace gradus
