// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "kernels/matmul.h"
#include "ops/cuda_variants.h"
#include "ops/elementwise_gradients.h"
#include "ops/matmul_support.h"
#include "ops/onednn_variant.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {
namespace {

using kernels::Activation;

// A weight (in) is the single row of (1, in); the output then lacks the last dim.
Shape rows_of(const Shape& weight) { return weight.rank() == 1 ? Shape{1, weight[0]} : weight; }

std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec &x = args.in[0], &weight = args.in[1];
  (void)parse_activation(args.attrs.text("activation"), args.op);
  GRADUS_CHECK(weight.shape.rank() == 1 || weight.shape.rank() == 2,
               "[linear] weight, expected (out, in) or (in), got {}", to_string(weight.shape));
  const int64_t in = weight.shape[weight.shape.rank() - 1];
  GRADUS_CHECK(x.shape.rank() >= 1 && x.shape[x.shape.rank() - 1] == in,
               "[linear] input, expected (..., {}) for a weight {}, got {}", in,
               to_string(weight.shape), to_string(x.shape));
  for (size_t i = 1; i < args.in.size(); ++i)
    GRADUS_CHECK(!args.has(i) || args.in[i].dtype == x.dtype,
                 "[linear] tensors of one dtype expected, got {} and {}", dtype_name(x.dtype),
                 dtype_name(args.in[i].dtype));
  const bool vector = weight.shape.rank() == 1;
  const Shape bias = vector ? Shape{} : Shape{weight.shape[0]};
  GRADUS_CHECK(!args.has(2) || args.in[2].shape == bias, "[linear] bias, expected {}, got {}",
               to_string(bias), to_string(args.in[2].shape));
  Shape shape = x.shape;
  shape.erase(shape.rank() - 1);
  if (!vector) shape.push_back(weight.shape[0]);
  (void)shape.numel();
  return {{x.dtype, shape}};
}

template <class Call>
kernels::MatmulArgs kernel_args(const Call& call) {
  const Shape& x = call.in[0].shape;
  const Shape weight = rows_of(call.in[1].shape);
  kernels::MatmulArgs args = kernels::dense_matmul(call.in[0].dtype, x.product(0, x.rank() - 1),
                                                   weight[0], weight[1], false, true);
  args.activation = parse_activation(call.attrs.text("activation"), "linear");
  return args;
}

kernels::MatmulArgs bound_args(const RunArgs& run) {
  kernels::MatmulArgs args = kernel_args(run);
  args.a = run.in[0].data;
  args.b = run.in[1].data;
  args.c = run.out[0].data;
  args.bias = run.has(2) ? run.in[2].data : nullptr;
  return args;
}

void run_packed(const RunArgs& run) { kernels::matmul_cpu_packed(bound_args(run), run.workspace); }
void run_reference(const RunArgs& run) { kernels::matmul_cpu_reference(bound_args(run)); }
template <class>
void run_cuda(const RunArgs& run) {
  kernels::matmul_cuda(bound_args(run), run.stream);
}

int64_t packed_workspace(const KernelQuery& query) {
  return kernels::matmul_packed_workspace(kernel_args(query));
}

Value linear(const GradArgs& args) {
  return apply1("linear", {args.in[0], args.in[1], args.has(2) ? args.in[2] : Value()});
}

// The gradient before the activation: from the output where that is enough; otherwise the product
// is computed again, which costs time and no memory.
Value pre_activation_gradient(const GradArgs& args) {
  const Value y = args.out[0], dy = args.dout[0];
  const auto gelu_gradient = [&](std::string_view approximate) {
    return apply1("gelu_backward", {linear(args), dy}, {{"approximate", approximate}});
  };
  switch (parse_activation(args.attrs.text("activation"), "linear")) {
    case Activation::none:
      return dy;
    case Activation::relu:
      return where(y <= 0.0, zeros_like(dy), dy);  // as relu's: what is no number passes it
    case Activation::sigmoid:
      return dy * (y * (1.0 - y));
    case Activation::tanh:
      return dy * (1.0 - square(y));
    case Activation::silu:
      return silu_gradient(linear(args), dy);
    case Activation::gelu:
      return gelu_gradient("none");
    case Activation::gelu_tanh:
      return gelu_gradient("tanh");
  }
  return dy;
}

std::vector<Value> grad(GradArgs& args) {
  const Value x = args.in[0], dz = pre_activation_gradient(args);
  const Value weight = reshape(args.in[1], rows_of(args.in[1].shape()));
  const int64_t rows = x.shape().product(0, x.rank() - 1);
  const Value d_rows = reshape(dz, {rows, weight.shape()[0]});
  std::vector<Value> result(3);
  if (args.wants(0)) result[0] = reshape(gemm(d_rows, weight), x.shape());
  if (args.wants(1))
    result[1] =
        reshape(gemm(d_rows, reshape(x, {rows, weight.shape()[1]}), true), args.in[1].shape());
  if (args.wants(2)) result[2] = reshape(sum(d_rows, {0}), args.in[2].shape());
  return result;
}

std::vector<Sample> samples() {
  const SampleInput x{.shape = {3, 5}}, weight{.shape = {4, 5}}, bias{.shape = {4}};
  std::vector<Sample> list = {
      {.inputs = {x, weight, bias}},
      {.inputs = {x, weight, SampleInput::absent()}},
      {.inputs = {{.shape = {2, 3, 5}}, weight, bias}},
      {.inputs = {{.shape = {5}}, weight, bias}},
      {.inputs = {{.shape = {1, 1}}, {.shape = {1, 1}}, {.shape = {1}}}},
      {.inputs = {{.shape = {0, 5}}, weight, bias}},
      {.inputs = {{.shape = {3, 5}}, {.shape = {5}}, {.shape = {}}}},
      {.inputs = {{.shape = {3, 0}}, {.shape = {4, 0}}, bias}},
      {.inputs = {{.shape = {33, 70}}, {.shape = {35, 70}}, {.shape = {35}}},
       .grad = false,
       .second = false}};
  for (const char* activation : {"relu", "gelu", "gelu_tanh", "silu", "sigmoid", "tanh"})
    list.push_back({.inputs = {x, weight, bias}, .attrs = {{"activation", activation}}});
  list.push_back({.inputs = {{.shape = {2048, 256}}, {.shape = {1024, 256}}, {.shape = {1024}}},
                  .bench = true});
  return list;
}

Cost cost(const KernelQuery& query) {
  return {product_flops(kernel_args(query)), least_bytes(query)};
}

}  // namespace

OpDef linear_op() {
  return {.name = "linear",
          .doc =
              "activation(input weight^T + bias), weight (out, in); activation is none, relu, "
              "gelu, gelu_tanh, silu, sigmoid or tanh",
          .inputs = {{"input"}, {"weight"}, {"bias", InputKind::optional}},
          .attributes = {{"activation", AttrType::text, "none"}},
          .infer = infer,
          .grad = grad,
          .cpu = with_onednn<bound_args>(
              {{"packed", run_packed, packed_workspace}, {"reference", run_reference}}),
          .cuda = cuda_variants([](auto tag) {
            return std::vector<KernelVariant>{
                {"tiled", run_cuda<decltype(tag)>, nullptr, computes_floats}};
          }),
          .autocast = AutocastClass::low_precision,
          .samples = samples,
          .cost = cost};
}

}  // namespace gradus
