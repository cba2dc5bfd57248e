// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/grad_args.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/softmax_family.h"

namespace gradus {
namespace {

// out = y * (dy - sum(y * dy))
std::vector<Value> grad(GradArgs& args) {
  const int64_t dim = args.attrs.integer("dim");
  const Value dy = args.in[0], y = args.in[1], g = args.dout[0];
  const auto total = [&](Value x) { return x.rank() ? sum(x, {dim}, true) : x; };
  std::vector<Value> result(2);
  if (args.wants(0)) result[0] = apply1("softmax_backward", {g, y}, {{"dim", dim}});
  if (args.wants(1)) result[1] = g * (dy - total(y * dy)) - dy * total(g * y);
  return result;
}

}  // namespace

OpDef softmax_backward_op() {
  return {
      .name = "softmax_backward",
      .doc = "output * (grad_output - sum(output * grad_output)) over dim: the gradient of softmax",
      .inputs = {{"grad_output"}, {"output"}},
      .attributes = {{"dim", AttrType::integer, {}, true}},
      .infer = infer_softmax_backward,
      .grad = grad,
      .cpu = softmax_backward_variants(),
      .cuda = softmax_backward_cuda_variants(),
      .aliases = {{0, 0}, {0, 1}},
      .autocast = AutocastClass::full_precision,
      .samples = [] { return softmax_backward_samples(false); },
      .cost = softmax_cost};
}

}  // namespace gradus
