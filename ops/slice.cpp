// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/grad_args.h"
#include "kernels/strided_copy.h"
#include "ops/cuda_variants.h"
#include "ops/movement.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/slice_bounds.h"
#include "ops/support.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  TensorSpec out = args.in[0];
  const SliceBounds bounds = slice_bounds(args.attrs, out.shape, args.op);
  out.shape[bounds.dim] = bounds.count;
  return {out};
}

kernels::StridedCopyArgs bind(const RunArgs& args) {
  const TensorRef &in = args.in[0], &out = args.out[0];
  const SliceBounds bounds = slice_bounds(args.attrs, in.shape, "slice");
  kernels::StridedCopyArgs copy{element_bytes(in.dtype), in.data, out.data, out.shape,
                                in.shape.strides(),      0};
  const size_t dim = static_cast<size_t>(bounds.dim);
  copy.offset = bounds.start * copy.strides[dim];
  copy.strides[dim] *= bounds.count > 1 ? bounds.step : 1;  // a huge step must not overflow
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
  AttrList attrs(args.attrs.all());
  attrs.emplace_back("input_sizes", args.in[0].shape());
  return {apply1("slice_backward", {args.dout[0]}, attrs)};
}

std::vector<Sample> samples() {
  return {
      {.inputs = {{.shape = {5, 3}}}, .attrs = {{"start", 1}, {"end", 4}}},
      {.inputs = {{.shape = {3, 7}}}, .attrs = {{"dim", 1}, {"step", 3}}},
      {.inputs = {{.shape = {2, 9, 3}}},
       .attrs = {{"dim", -2}, {"start", -7}, {"end", -1}, {"step", 2}}},
      {.inputs = {{.shape = {4}}}, .attrs = {{"start", 3}, {"end", 1}}},
      {.inputs = {{.shape = {4, 2}}}, .attrs = {{"start", -99}, {"end", 99}, {"step", 1 << 30}}},
      {.inputs = {{.shape = {1}}}},
      {.inputs = {{.shape = {3, 0}}}, .attrs = {{"start", 1}}},
      {.inputs = {{.shape = {1024, 1024}}},
       .attrs = {{"dim", 1}, {"start", 3}, {"end", 1003}},
       .bench = true}};
}

}  // namespace

OpDef slice_op() {
  return {.name = "slice",
          .doc = "input[..., start:end:step, ...] along dim; step is at least 1",
          .inputs = {{"input"}},
          .attributes = slice_attributes(),
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
            return Cost{0, 2.0 * static_cast<double>(query.out[0].bytes())};
          }};
}

}  // namespace gradus
