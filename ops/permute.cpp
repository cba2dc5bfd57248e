// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "kernels/strided_copy.h"
#include "ops/cuda_variants.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {
namespace {

// The attribute with each dim in [0, rank). Throws unless it names every dim once.
std::vector<int> order(const Attrs& attrs, int rank) {
  const std::vector<int64_t>& dims = attrs.integers("dims");
  GRADUS_CHECK(static_cast<int>(dims.size()) == rank,
               "[permute] attribute 'dims', expected {} dims, got {}", rank, dims.size());
  std::vector<int> result;
  std::vector<bool> seen(static_cast<size_t>(rank), false);
  for (int64_t dim : dims) {
    const int d = normalize_dim(dim, rank, "permute");
    GRADUS_CHECK(!seen[static_cast<size_t>(d)], "[permute] dim {} is named twice in 'dims'", d);
    seen[static_cast<size_t>(d)] = true;
    result.push_back(d);
  }
  return result;
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  Shape shape;
  for (int d : order(args.attrs, args.in[0].shape.rank())) shape.push_back(args.in[0].shape[d]);
  return {{args.in[0].dtype, shape}};
}

kernels::StridedCopyArgs bind(const RunArgs& args) {
  const TensorRef &in = args.in[0], &out = args.out[0];
  kernels::StridedCopyArgs copy{dtype_bits(in.dtype) / 8, in.data, out.data, out.shape, {}, 0};
  const auto strides = in.shape.strides();
  const std::vector<int64_t>& dims = args.attrs.integers("dims");
  for (size_t d = 0; d < dims.size(); ++d)
    copy.strides[d] =
        strides[static_cast<size_t>(normalize_dim(dims[d], in.shape.rank(), "permute"))];
  return copy;
}

void run(const RunArgs& args) { kernels::strided_copy_cpu(bind(args)); }
template <class>
void run_cuda(const RunArgs& args) {
  kernels::strided_copy_cuda(bind(args), args.stream);
}

std::vector<Value> grad(GradArgs& args) {
  const std::vector<int> forward = order(args.attrs, args.in[0].rank());
  std::vector<int64_t> inverse(forward.size());
  for (size_t i = 0; i < forward.size(); ++i)
    inverse[static_cast<size_t>(forward[i])] = static_cast<int64_t>(i);
  return {permute(args.dout[0], inverse)};
}

std::vector<Sample> samples() {
  const auto by = [](AttrValue::Integers dims) { return AttrList{{"dims", std::move(dims)}}; };
  return {{.inputs = {{.shape = {3, 5}}}, .attrs = by({1, 0})},
          {.inputs = {{.shape = {2, 3, 4}}}, .attrs = by({2, 0, 1})},
          {.inputs = {{.shape = {2, 3, 4}}}, .attrs = by({0, -1, 1})},
          {.inputs = {{.shape = {}}}, .attrs = by({})},
          {.inputs = {{.shape = {1}}}, .attrs = by({0})},
          {.inputs = {{.shape = {0, 3}}}, .attrs = by({1, 0})},
          {.inputs = {{.shape = {1024, 1024}}}, .attrs = by({1, 0}), .bench = true}};
}

}  // namespace

OpDef permute_op() {
  return {.name = "permute",
          .doc = "reorders dims: output dim i is input dim dims[i]",
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
