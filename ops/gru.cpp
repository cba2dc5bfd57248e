// SPDX-License-Identifier: Apache-2.0
#include "ops/op_list.h"
#include "ops/recurrent_layers.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  return recurrent_layers("gru", "gru", {in[0], in[1], {}, in[2], in.subspan(3)}, attrs);
}

std::vector<Sample> samples() { return recurrent_samples(3, false); }

}  // namespace

OpDef gru_op() {
  return {.name = "gru",
          .doc =
              "gated recurrent units over (steps, batch, inputs): gates r, z, n; n = tanh(W x + b "
              "+ r (U h + c)). Weights, hx and lengths as in lstm. Outputs: output, h_n",
          .inputs = {{"input"},
                     {"hx", InputKind::optional},
                     {"lengths", InputKind::optional, false},
                     {"weight_ih"},
                     {"weights", InputKind::variadic}},
          .outputs = {"output", "h_n"},
          .attributes = recurrent_attributes(),
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
