// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "ops/op_list.h"
#include "ops/recurrent_layers.h"

namespace gradus {
namespace {

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const std::string& nonlinearity = attrs.text("nonlinearity");
  GRADUS_CHECK(nonlinearity == "tanh" || nonlinearity == "relu",
               "[rnn] attribute 'nonlinearity', expected tanh or relu, got '{}'", nonlinearity);
  return recurrent_layers("rnn", nonlinearity == "tanh" ? "rnn_tanh" : "rnn_relu",
                          {in[0], in[1], {}, in[2], in.subspan(3)}, attrs);
}

std::vector<Sample> samples() {
  std::vector<Sample> list = recurrent_samples(1, false);
  list.push_back(recurrent_sample(1, false, {3, 2, 2, 3}, {}, {{"nonlinearity", "relu"}}));
  return list;
}

}  // namespace

OpDef rnn_op() {
  std::vector<AttrSpec> attributes = recurrent_attributes();
  attributes.insert(attributes.begin(), {"nonlinearity", AttrType::text, "tanh"});
  return {.name = "rnn",
          .doc =
              "h = tanh (or relu) of W x + b + U h + c over (steps, batch, inputs). Weights, hx "
              "and lengths as in lstm. Outputs: output, h_n",
          .inputs = {{"input"},
                     {"hx", InputKind::optional},
                     {"lengths", InputKind::optional, false},
                     {"weight_ih"},
                     {"weights", InputKind::variadic}},
          .outputs = {"output", "h_n"},
          .attributes = std::move(attributes),
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
