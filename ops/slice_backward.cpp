// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "kernels/strided_place.h"
#include "ops/movement.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/slice_bounds.h"
#include "ops/support.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec out{args.in[0].dtype, Shape(args.attrs.integers("input_sizes"))};
  (void)out.bytes();
  Shape expected = out.shape;
  const SliceBounds bounds = slice_bounds(args.attrs, out.shape, args.op);
  expected[bounds.dim] = bounds.count;
  GRADUS_CHECK(args.in[0].shape == expected,
               "[slice_backward] input 0 ('grad_output') shape, expected {}, got {}",
               to_string(expected), to_string(args.in[0].shape));
  return {out};
}

void run(const RunArgs& args) {
  const TensorRef &in = args.in[0], &out = args.out[0];
  const SliceBounds bounds = slice_bounds(args.attrs, out.shape, "slice_backward");
  kernels::StridedPlaceArgs place{element_bytes(in.dtype), in.data, out.data, out.numel(), in.shape,
                                  out.shape.strides(),     0};
  const size_t dim = static_cast<size_t>(bounds.dim);
  place.offset = bounds.start * place.strides[dim];
  place.strides[dim] *= bounds.count > 1 ? bounds.step : 1;
  kernels::strided_place_cpu(place);
}

std::vector<Value> grad(GradArgs& args) {
  AttrList attrs;
  for (const NamedAttr& attr : args.attrs.all())
    if (attr.first != "input_sizes") attrs.push_back(attr);
  return {apply1("slice", {args.dout[0]}, attrs)};
}

std::vector<Sample> samples() {
  const auto sizes = [](AttrValue::Integers list) { return NamedAttr{"input_sizes", list}; };
  return {{.inputs = {{.shape = {3, 3}}}, .attrs = {sizes({5, 3}), {"start", 1}, {"end", 4}}},
          {.inputs = {{.shape = {3, 3}}}, .attrs = {sizes({3, 7}), {"dim", 1}, {"step", 3}}},
          {.inputs = {{.shape = {1}}}, .attrs = {sizes({1})}},
          {.inputs = {{.shape = {0}}}, .attrs = {sizes({4}), {"start", 3}, {"end", 1}}},
          {.inputs = {{.shape = {1024, 1000}}},
           .attrs = {sizes({1024, 1024}), {"dim", 1}, {"start", 3}, {"end", 1003}},
           .bench = true}};
}

}  // namespace

OpDef slice_backward_op() {
  std::vector<AttrSpec> attributes = slice_attributes();
  attributes.push_back({"input_sizes", AttrType::integers, {}, true});
  return {.name = "slice_backward",
          .doc = "zeros of shape input_sizes with grad_output at the places that slice takes",
          .inputs = {{"grad_output"}},
          .attributes = attributes,
          .dtypes = all_types,
          .infer = infer,
          .grad = grad,
          .cpu = {{"reference", run}},
          .half = HalfPolicy::native,
          .samples = samples,
          .cost = [](const KernelQuery& query) {
            return Cost{0, least_bytes(query)};
          }};
}

}  // namespace gradus
