// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/grad_args.h"
#include "ops/op_list.h"

namespace gradus {
namespace {

std::vector<TensorSpec> infer(const InferArgs& args) { return {args.in[0]}; }

std::vector<Value> grad(GradArgs& args) { return {args.dout[0], Value()}; }

std::vector<Sample> samples() {
  return {{.inputs = {{.shape = {3, 5}}, SampleInput::absent()}},
          {.inputs = {{.shape = {}}, {.shape = {2}}}, .attrs = {{"id", 3}}},
          {.inputs = {{.shape = {1}}, {.shape = {1}}}},
          {.inputs = {{.shape = {0, 7}}, SampleInput::absent()}}};
}

}  // namespace

OpDef barrier_op() {
  return {.name = "barrier",
          .doc =
              "the input itself, but not before `after` is there; barriers of different id are "
              "never merged",
          .inputs = {{"input"}, {"after", InputKind::optional, false}},
          .attributes = {{"id", AttrType::integer, 0}},
          .dtypes = all_types,
          .infer = infer,
          .grad = grad,
          .half = HalfPolicy::native,
          .view = true,
          .samples = samples};
}

}  // namespace gradus
