// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "models/layers/layer.h"
#include "ops/ops.h"

namespace gradus {
namespace {

// heads: queries, keys and values, each (batch, heads, seq, head).
Value attend(Place& place, std::vector<Value> heads, const AttentionOptions& options) {
  const double dropout = place.drops() ? options.dropout : 0;
  if (!place.decoding && options.mask) {
    heads.push_back(options.mask);
    return apply1("scaled_dot_product_attention", heads, {{"dropout_p", dropout}});
  }
  if (!place.decoding)
    return apply1("scaled_dot_product_attention", heads,
                  {{"is_causal", options.causal}, {"dropout_p", dropout}});
  Shape kept = heads[1].shape();
  kept[2] = place.decoding->capacity;
  const Value keys = place.cache("key_cache", kept), values = place.cache("value_cache", kept);
  heads.insert(heads.end(), {keys, values, place.decoding->position});
  const std::vector<Value> results = gradus::apply("attention_decode", heads);
  place.graph.update(keys, results[1]);
  place.graph.update(values, results[2]);
  return results[0];
}

}  // namespace

Value attention_layer(Place& place, std::string_view name, Value x,
                      const AttentionOptions& options) {
  GRADUS_CHECK(x.rank() == 3, "[{}] attention layer, expected an input (batch, seq, width), got {}",
               name, to_string(x.shape()));
  const int64_t batch = x.shape()[0], seq = x.shape()[1], width = x.shape()[2];
  GRADUS_CHECK(options.heads > 0 && width % options.heads == 0,
               "[{}] attention layer, expected a number of heads that divides the width {}, got {}",
               name, width, options.heads);
  GRADUS_CHECK(!place.decoding || (seq == 1 && options.causal),
               "[{}] attention layer, decoding takes one token at a time of causal attention",
               name);
  const int64_t head = width / options.heads;
  const Graph::Scope scope(place.graph, name);
  const Value projected = linear_layer(place, "c_attn", x, 3 * width, options.qkv);
  const std::vector<Value> parts =
      apply("split", {projected}, {{"split_size_or_sections", width}, {"dim", -1}});
  std::vector<Value> heads;  // each (batch, heads, seq, head)
  for (const Value& part : parts)
    heads.push_back(transpose(reshape(part, {batch, seq, options.heads, head}), 1, 2));
  const Value mixed = attend(place, heads, options);
  const Value merged = reshape(transpose(mixed, 1, 2), {batch, seq, width});
  return linear_layer(place, "c_proj", merged, width, options.projection);
}

}  // namespace gradus
