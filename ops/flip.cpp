// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "kernels/strided_copy.h"
#include "ops/cuda_variants.h"
#include "ops/movement.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  const int rank = args.in[0].shape.rank();
  std::array<bool, Shape::max_rank> seen{};
  for (int64_t dim : args.attrs.integers("dims")) {
    const size_t d = static_cast<size_t>(normalize_dim(dim, rank, args.op));
    GRADUS_CHECK(!seen[d], "[flip] dim {} is named twice in 'dims'", d);
    seen[d] = true;
  }
  return {args.in[0]};
}

kernels::StridedCopyArgs bind(const RunArgs& args) {
  const TensorRef &in = args.in[0], &out = args.out[0];
  kernels::StridedCopyArgs copy{element_bytes(in.dtype), in.data, out.data, in.shape,
                                in.shape.strides(),      0};
  for (int64_t dim : args.attrs.integers("dims")) {
    const int d = normalize_dim(dim, in.shape.rank(), "flip");
    if (in.shape.rank() == 0) continue;
    int64_t& stride = copy.strides[static_cast<size_t>(d)];
    copy.offset += (in.shape[d] - 1) * stride;
    stride = -stride;
  }
  return copy;
}

void run(const RunArgs& args) {
  if (args.out[0].numel() > 0) kernels::strided_copy_cpu(bind(args));
}
template <class>
void run_cuda(const RunArgs& args) {
  if (args.out[0].numel() > 0) kernels::strided_copy_cuda(bind(args), args.stream);
}

std::vector<Value> grad(GradArgs& args) {
  return {apply1("flip", {args.dout[0]}, args.attrs.all())};
}

std::vector<Sample> samples() {
  const auto by = [](AttrValue::Integers dims) { return AttrList{{"dims", std::move(dims)}}; };
  return {{.inputs = {{.shape = {3, 5}}}, .attrs = by({0})},
          {.inputs = {{.shape = {2, 3, 7}}}, .attrs = by({-1, 0})},
          {.inputs = {{.shape = {2, 3}}}, .attrs = by({})},
          {.inputs = {{.shape = {}}}, .attrs = by({0})},
          {.inputs = {{.shape = {1}}}, .attrs = by({0})},
          {.inputs = {{.shape = {0, 3}}}, .attrs = by({1})},
          {.inputs = {{.shape = {1024, 1024}}}, .attrs = by({1}), .bench = true}};
}

}  // namespace

OpDef flip_op() {
  return {.name = "flip",
          .doc = "reverses the order of elements along dims",
          .inputs = {{"input"}},
          .attributes = {{"dims", AttrType::integers, {}, true}},
          .dtypes = all_types,
          .infer = infer,
          .grad = grad,
          .cpu = {{"reference", run}},
          .cuda = cuda_variants([](auto tag) {
            return std::vector<KernelVariant>{{"strided", run_cuda<decltype(tag)>}};
          }),
          .half = HalfPolicy::native,
          .samples = samples,
          .cost = [](const KernelQuery& query) {
            return Cost{0, least_bytes(query)};
          }};
}

}  // namespace gradus
