// SPDX-License-Identifier: Apache-2.0
#include "models/gpt.h"

#include <cmath>

#include "engine/base/error.h"
#include "engine/op/registry.h"
#include "ops/ops.h"

namespace gradus {
namespace {

// GPT-2 starts from normal(0, 0.02); the 2 * layers projections that add to the residual stream are
// scaled down so that its variance stays.
constexpr double deviation = 0.02;

Value block(Place& place, Value x, Value mask, const Gpt& model) {
  const LinearOptions in = {.init = Initialiser::normal(0, deviation)};
  const LinearOptions out = {
      .init =
          Initialiser::normal(0, deviation / std::sqrt(2.0 * static_cast<double>(model.layers)))};
  const Value attended = attention_layer(place, "attn", layer_norm_layer(place, "ln_1", x),
                                         {.heads = model.heads,
                                          .causal = true,
                                          .dropout = model.dropout,
                                          .qkv = in,
                                          .projection = out,
                                          .mask = mask});
  x = x + dropout_layer(place, attended, model.dropout);
  const Value fed = feed_forward_layer(
      place, "mlp", layer_norm_layer(place, "ln_2", x),
      {.activation_attributes = {{"approximate", "tanh"}}, .in = in, .out = out});
  return x + dropout_layer(place, fed, model.dropout);
}

// The first seq rows (seq, width), or those of the tokens' positions (batch, seq, width); in
// decoding the row of the token's position, (width).
Value rows_of_positions(Place& place, Value table, int64_t seq) {
  if (place.decoding) return apply1("embedding", {place.decoding->position, table});
  if (place.positions) return apply1("embedding", {place.positions, table});
  if (seq == table.shape()[0]) return table;
  return apply1("slice", {table}, {{"dim", 0}, {"start", 0}, {"end", seq}});
}

// (context, width), or nothing.
Value position_table(Place& place, const Gpt& model) {
  if (model.positions == Gpt::Positions::none) return {};
  if (model.positions == Gpt::Positions::sinusoidal)
    return place.graph.apply(
        get_op("sinusoidal_positions"), {},
        {{"length", model.context}, {"width", model.width}, {"dtype", place.dtype}})[0];
  const Graph::Scope scope(place.graph, "wpe");
  return place.weight("weight", {model.context, model.width}, Initialiser::normal(0, deviation));
}

}  // namespace

Gpt Gpt::named(std::string_view name) {
  if (name == "gpt2") return {};
  if (name == "gpt2_medium") return {.layers = 24, .heads = 16, .width = 1024};
  if (name == "gpt2_large") return {.layers = 36, .heads = 20, .width = 1280};
  if (name == "gpt2_xl") return {.layers = 48, .heads = 25, .width = 1600};
  failf(ErrorKind::invalid_argument, "gpt",
        "unknown size '{}', expected gpt2, gpt2_medium, gpt2_large or gpt2_xl", name);
}

Value Gpt::build(Place& place, Value tokens) const {
  GRADUS_CHECK(tokens.rank() == 2 && tokens.shape()[1] <= context,
               "[gpt] tokens, expected (batch, seq) with seq at most {}, got {}", context,
               to_string(tokens.shape()));
  const int64_t seq = tokens.shape()[1];
  const Initialiser init = Initialiser::normal(0, deviation);
  const Value token_table = [&] {
    const Graph::Scope scope(place.graph, "wte");
    return place.weight("weight", {vocabulary, width}, init);
  }();
  const Value table = position_table(place, *this);
  Value x = apply1("embedding", {tokens, token_table});  // (batch, seq, width)
  // Embeddings of this deviation are small beside sines: scaled as by Vaswani et al. 2017, 3.4.
  if (positions == Positions::sinusoidal) x = x * std::sqrt(static_cast<double>(width));
  if (table) x = x + rows_of_positions(place, table, seq);
  x = dropout_layer(place, x, dropout);
  const Value mask = place.positions ? document_mask(place.positions) : Value();
  for (int64_t layer = 0; layer < layers; ++layer) {
    const Graph::Scope scope(place.graph, fmt::format("h.{}", layer));
    x = block(place, x, mask, *this);
  }
  x = layer_norm_layer(place, "ln_f", x);
  return apply1("linear", {x, token_table});
}

}  // namespace gradus
