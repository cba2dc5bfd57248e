// SPDX-License-Identifier: Apache-2.0
#include "engine/base/parallel.h"
#include "engine/graph/grad_args.h"
#include "engine/tensor/tensor.h"
#include "kernels/elementwise.h"
#include "ops/cuda_variants.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {
namespace {

constexpr int64_t grain = 1 << 14;
constexpr DTypeSet castable = (1u << static_cast<int>(DType::i4)) - 1u;  // all with whole bytes

std::vector<TensorSpec> infer(const InferArgs& args) {
  return {{args.attrs.dtype("dtype"), args.in[0].shape}};
}

void run(const RunArgs& args) {
  const TensorRef &in = args.in[0], &out = args.out[0];
  const int64_t from = dtype_bits(in.dtype) / 8, to = dtype_bits(out.dtype) / 8;
  parallel_range(in.numel(), grain, [&](int64_t begin, int64_t end) {
    convert(in.dtype, in.as<const char>() + begin * from, out.dtype, out.as<char>() + begin * to,
            end - begin);
  });
}

// What a program computes in so that the conversion rounds once.
DType compute_type(DType from, DType to) {
  if (from == DType::f64 || to == DType::f64) return DType::f64;
  if (is_floating(from) || to == DType::f32) return DType::f32;
  return is_floating(to) ? DType::f64 : DType::i64;
}

template <class>
void run_cuda(const RunArgs& args) {
  const TensorRef &in = args.in[0], &out = args.out[0];
  const kernels::PointwiseInput input{in.data, in.dtype, in.shape};
  const kernels::PointwiseInstruction copy{kernels::Pointwise::copy, {0, -1, -1}, {0, 0}};
  const kernels::PointwiseOutput output{out.data, out.dtype, 1};
  kernels::pointwise_cuda({compute_type(in.dtype, out.dtype), out.shape, std::span(&input, 1),
                           std::span(&copy, 1), std::span(&output, 1)},
                          args.stream);
}

template <class>
bool stored(const KernelQuery& query) {
  return kernels::pointwise_cuda_stores(query.in[0].dtype) &&
         kernels::pointwise_cuda_stores(query.out[0].dtype);
}

std::vector<Value> grad(GradArgs& args) { return {cast(args.dout[0], args.in[0].dtype())}; }

std::vector<Sample> samples() {
  std::vector<Sample> list;
  for (DType dtype :
       {DType::f64, DType::f32, DType::f16, DType::bf16, DType::i64, DType::u8, DType::bool_})
    list.push_back({.inputs = {{.shape = {3, 5}, .lo = 0, .hi = 4}},
                    .attrs = {{"dtype", dtype}},
                    .grad = dtype == DType::f64});
  list.push_back({.inputs = {{.shape = {}}}, .attrs = {{"dtype", DType::f64}}});
  list.push_back({.inputs = {{.shape = {0, 2}}}, .attrs = {{"dtype", DType::f64}}});
  list.push_back(
      {.inputs = {{.shape = {1 << 20}}}, .attrs = {{"dtype", DType::bf16}}, .bench = true});
  return list;
}

}  // namespace

OpDef cast_op() {
  return {
      .name = "cast",
      .doc = "the input in another dtype; floats round to nearest even, float to integer truncates",
      .inputs = {{"input"}},
      .attributes = {{"dtype", AttrType::dtype, {}, true}},
      .dtypes = castable,
      .infer = infer,
      .grad = grad,
      .cpu = {{"reference", run}},
      .cuda = cuda_variants([](auto tag) {
        using Tag = decltype(tag);
        return std::vector<KernelVariant>{{"program", run_cuda<Tag>, nullptr, stored<Tag>}};
      }),
      .half = HalfPolicy::native,
      .samples = samples,
      .cost = [](const KernelQuery& query) {
        return Cost{0, least_bytes(query)};
      }};
}

}  // namespace gradus
