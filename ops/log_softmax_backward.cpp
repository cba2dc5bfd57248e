// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/grad_args.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/softmax_family.h"

namespace gradus {
namespace {

// out = dy - exp(y) * sum(dy)
std::vector<Value> grad(GradArgs& args) {
  const int64_t dim = args.attrs.integer("dim");
  const Value dy = args.in[0], y = args.in[1], g = args.dout[0];
  const auto total = [&](Value x) { return x.rank() ? sum(x, {dim}, true) : x; };
  const Value weighted = g * exp(y);
  std::vector<Value> result(2);
  if (args.wants(0)) result[0] = g - total(weighted);
  if (args.wants(1)) result[1] = -weighted * total(dy);
  return result;
}

}  // namespace

OpDef log_softmax_backward_op() {
  return {
      .name = "log_softmax_backward",
      .doc = "grad_output - exp(output) * sum(grad_output) over dim: the gradient of log_softmax",
      .inputs = {{"grad_output"}, {"output"}},
      .attributes = {{"dim", AttrType::integer, {}, true}},
      .infer = infer_softmax_backward,
      .grad = grad,
      .cpu = log_softmax_backward_variants(),
      .cuda = log_softmax_backward_cuda_variants(),
      .aliases = {{0, 0}, {0, 1}},
      .autocast = AutocastClass::full_precision,
      .samples = [] { return softmax_backward_samples(true); },
      .cost = softmax_cost};
}

}  // namespace gradus
