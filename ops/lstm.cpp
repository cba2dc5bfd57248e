// SPDX-License-Identifier: Apache-2.0
#include "ops/op_list.h"
#include "ops/recurrent_layers.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  return recurrent_layers("lstm", "lstm", {in[0], in[1], in[2], in[3], in.subspan(4)}, attrs);
}

std::vector<Sample> samples() { return recurrent_samples(4, true); }

}  // namespace

OpDef lstm_op() {
  return {.name = "lstm",
          .doc =
              "long short-term memory over (steps, batch, inputs): gates i, f, g, o; weights of "
              "each layer and direction are weight_ih, weight_hh, bias_ih, bias_hh (or no biases). "
              "hx and cx (layers * directions, batch, hidden) are 0 when absent. With lengths each "
              "sequence is as if run alone: outputs after its end are 0. Outputs: output, h_n, c_n",
          .inputs = {{"input"},
                     {"hx", InputKind::optional},
                     {"cx", InputKind::optional},
                     {"lengths", InputKind::optional, false},
                     {"weight_ih"},
                     {"weights", InputKind::variadic}},
          .outputs = {"output", "h_n", "c_n"},
          .attributes = recurrent_attributes(),
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
