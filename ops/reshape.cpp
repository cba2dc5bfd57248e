// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "engine/graph/grad_args.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {
namespace {

// One size may be -1: it is worked out from the others.
std::vector<TensorSpec> infer(const InferArgs& args) {
  const TensorSpec& in = args.in[0];
  Shape shape;
  int unknown = -1;
  for (int64_t size : args.attrs.integers("shape")) {
    GRADUS_CHECK(size >= 0 || (size == -1 && unknown < 0),
                 "[reshape] attribute 'shape', expected sizes and at most one -1, got {}",
                 to_string(args.attrs.find("shape")));
    if (size == -1) unknown = shape.rank();
    shape.push_back(size == -1 ? 1 : size);
  }
  if (unknown >= 0) {
    const int64_t known = shape.numel();
    GRADUS_CHECK(known > 0 && in.numel() % known == 0,
                 "[reshape] cannot fit {} elements of {} into {}", in.numel(), to_string(in.shape),
                 to_string(args.attrs.find("shape")));
    shape[unknown] = in.numel() / known;
  }
  GRADUS_CHECK(shape.numel() == in.numel(),
               "[reshape] expected a shape of {} elements (input {}), got {}", in.numel(),
               to_string(in.shape), to_string(shape));
  return {{in.dtype, shape}};
}

std::vector<Value> grad(GradArgs& args) { return {reshape(args.dout[0], args.in[0].shape())}; }

std::vector<Sample> samples() {
  const auto to = [](AttrValue::Integers shape) { return AttrList{{"shape", std::move(shape)}}; };
  return {{.inputs = {{.shape = {3, 4}}}, .attrs = to({2, 6})},
          {.inputs = {{.shape = {3, 4}}}, .attrs = to({-1})},
          {.inputs = {{.shape = {}}}, .attrs = to({1, 1})},
          {.inputs = {{.shape = {1}}}, .attrs = to({})},
          {.inputs = {{.shape = {0, 3}}}, .attrs = to({3, 0, 2})}};
}

}  // namespace

OpDef reshape_op() {
  return {.name = "reshape",
          .doc = "the same elements in row-major order under another shape; one size may be -1",
          .inputs = {{"input"}},
          .attributes = {{"shape", AttrType::integers, {}, true}},
          .dtypes = all_types,
          .infer = infer,
          .grad = grad,
          .half = HalfPolicy::native,
          .view = true,
          .samples = samples};
}

}  // namespace gradus
