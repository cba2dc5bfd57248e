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

// A size of -1 keeps the input's.
std::vector<TensorSpec> infer(const InferArgs& args) {
  const Shape& in = args.in[0].shape;
  const std::vector<int64_t>& sizes = args.attrs.integers("size");
  const int added = static_cast<int>(sizes.size()) - in.rank();
  GRADUS_CHECK(added >= 0, "[expand] attribute 'size', expected at least {} sizes, got {}",
               in.rank(), sizes.size());
  Shape shape;
  for (int d = 0; d < static_cast<int>(sizes.size()); ++d) {
    const int64_t wanted = sizes[static_cast<size_t>(d)];
    const bool keep = wanted == -1 && d >= added;
    GRADUS_CHECK(keep || wanted >= 0, "[expand] attribute 'size', dim {} cannot be {}", d, wanted);
    GRADUS_CHECK(keep || d < added || in[d - added] == 1 || in[d - added] == wanted,
                 "[expand] dim {} of {} cannot become {}", d - added, to_string(in), wanted);
    shape.push_back(keep ? in[d - added] : wanted);
  }
  return {{args.in[0].dtype, shape}};
}

kernels::StridedCopyArgs bind(const RunArgs& args) {
  const TensorRef &in = args.in[0], &out = args.out[0];
  kernels::StridedCopyArgs copy{dtype_bits(in.dtype) / 8, in.data, out.data, out.shape, {}, 0};
  const auto strides = in.shape.strides();
  const int added = out.shape.rank() - in.shape.rank();
  for (int d = added; d < out.shape.rank(); ++d)
    if (in.shape[d - added] != 1)
      copy.strides[static_cast<size_t>(d)] = strides[static_cast<size_t>(d - added)];
  return copy;
}

void run(const RunArgs& args) { kernels::strided_copy_cpu(bind(args)); }
template <class>
void run_cuda(const RunArgs& args) {
  kernels::strided_copy_cuda(bind(args), args.stream);
}

std::vector<Value> grad(GradArgs& args) { return {sum_to(args.dout[0], args.in[0].shape())}; }

std::vector<Sample> samples() {
  const auto to = [](AttrValue::Integers size) { return AttrList{{"size", std::move(size)}}; };
  return {{.inputs = {{.shape = {3, 1}}}, .attrs = to({3, 5})},
          {.inputs = {{.shape = {}}}, .attrs = to({2, 3})},
          {.inputs = {{.shape = {1, 4}}}, .attrs = to({2, 3, -1})},
          {.inputs = {{.shape = {1}}}, .attrs = to({0})},
          {.inputs = {{.shape = {1}}}, .attrs = to({1})},
          {.inputs = {{.shape = {1024, 1}}}, .attrs = to({1024, 1024}), .bench = true}};
}

}  // namespace

OpDef expand_op() {
  return {
      .name = "expand",
      .doc =
          "repeats dims of size 1 and adds dims in front until the shape is size; -1 keeps a dim",
      .inputs = {{"input"}},
      .attributes = {{"size", AttrType::integers, {}, true}},
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
