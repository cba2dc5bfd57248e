// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cmath>

#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "kernels/sum_of_squares.h"
#include "ops/cuda_variants.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  DType dtype = args.in[0].dtype;
  for (size_t i = 0; i < args.in.size(); ++i) {
    GRADUS_CHECK(contains(float_types, args.in[i].dtype),
                 "[global_norm] input {}, expected floats, got {}", i, to_string(args.in[i]));
    dtype = promote(dtype, args.in[i].dtype);
  }
  return {{dtype, {}}};
}

int64_t workspace(const KernelQuery& query) {
  int64_t pieces = 0;
  for (const TensorSpec& in : query.in) pieces += kernels::square_pieces(in.numel());
  return dtype_bytes(DType::f64, pieces);
}

void run(const RunArgs& args) {
  double* partial = static_cast<double*>(args.workspace);
  double sum = 0.0;
  for (const TensorRef& in : args.in) {
    kernels::sum_of_squares_cpu({in.dtype, in.data, in.numel(), partial});
    for (int64_t piece = 0; piece < kernels::square_pieces(in.numel()); ++piece)
      sum += partial[piece];
    partial += kernels::square_pieces(in.numel());
  }
  const TensorRef& out = args.out[0];
  if (out.dtype == DType::f64) {
    *out.as<double>() = std::sqrt(sum);
  } else {
    *out.as<float>() = static_cast<float>(std::sqrt(sum));
  }
}

template <class>
void run_cuda(const RunArgs& args) {
  double* const partial = static_cast<double*>(args.workspace);
  int64_t pieces = 0;
  for (size_t first = 0; first < args.in.size(); first += kernels::most_squared_tensors) {
    std::array<kernels::SquaredTensor, kernels::most_squared_tensors> tensors;
    const size_t count = std::min(args.in.size() - first, tensors.size());
    double* const target = partial + pieces;
    for (size_t i = 0; i < count; ++i) {
      const TensorRef& in = args.in[first + i];
      tensors[i] = {in.dtype, in.data, in.numel()};
      pieces += kernels::square_pieces(in.numel());
    }
    kernels::sums_of_squares_cuda(std::span(tensors).first(count), target, args.stream);
  }
  kernels::root_of_pieces_cuda(partial, pieces, args.out[0].dtype, args.out[0].data, args.stream);
}

// x / norm, and 0 where all are 0.
std::vector<Value> grad(GradArgs& args) {
  const Value norm = args.out[0], dy = args.dout[0];
  const Value none = apply1("eq", {norm, norm.graph().scalar(0.0, norm.dtype())});
  const Value factor = where(none, zeros_like(dy), dy / where(none, ones_like(norm), norm));
  std::vector<Value> result;
  for (const Value& x : args.in) result.push_back(cast(cast(x, norm.dtype()) * factor, x.dtype()));
  return result;
}

std::vector<Sample> samples() {
  return {{.inputs = {{.shape = {3, 5}}, {.shape = {7}}}},
          {.inputs = {{.shape = {2, 3, 7}}}},
          {.inputs = {{.shape = {}}, {.shape = {0, 4}}, {.shape = {1}}}},
          {.inputs = {{.shape = {1}}}},
          {.inputs = {{.shape = {0}}}},
          {.inputs = {{.shape = {1 << 20}}, {.shape = {1 << 18}}}, .bench = true}};
}

}  // namespace

OpDef global_norm_op() {
  return {
      .name = "global_norm",
      .doc = "the square root of the sum of squares of all elements of all tensors, summed in f64",
      .inputs = {{"tensors", InputKind::variadic}},
      .infer = infer,
      .grad = grad,
      .cpu = {{"reference", run, workspace}},
      .cuda = cuda_variants([](auto tag) {
        return std::vector<KernelVariant>{{"pieces", run_cuda<decltype(tag)>, workspace}};
      }),
      .autocast = AutocastClass::full_precision,
      .samples = samples,
      .cost = [](const KernelQuery& query) {
        return Cost{least_bytes(query) / 2, least_bytes(query)};
      }};
}

}  // namespace gradus
