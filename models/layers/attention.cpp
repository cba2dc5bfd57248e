// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "models/layers/layer.h"
#include "ops/ops.h"

namespace gradus {

Value attention_layer(Place& place, std::string_view name, Value x,
                      const AttentionOptions& options) {
  GRADUS_CHECK(x.rank() == 3, "[{}] attention layer, expected an input (batch, seq, width), got {}",
               name, to_string(x.shape()));
  const int64_t batch = x.shape()[0], seq = x.shape()[1], width = x.shape()[2];
  GRADUS_CHECK(options.heads > 0 && width % options.heads == 0,
               "[{}] attention layer, expected a number of heads that divides the width {}, got {}",
               name, width, options.heads);
  const int64_t head = width / options.heads;
  const Graph::Scope scope(place.graph, name);
  const Value projected = linear_layer(place, "c_attn", x, 3 * width, options.qkv);
  const std::vector<Value> parts =
      apply("split", {projected}, {{"split_size_or_sections", width}, {"dim", -1}});
  std::vector<Value> heads;  // each (batch, heads, seq, head)
  for (const Value& part : parts)
    heads.push_back(transpose(reshape(part, {batch, seq, options.heads, head}), 1, 2));
  const double dropout = place.training ? options.dropout : 0;
  const Value mixed = apply1("scaled_dot_product_attention", heads,
                             {{"is_causal", options.causal}, {"dropout_p", dropout}});
  const Value merged = reshape(transpose(mixed, 1, 2), {batch, seq, width});
  return linear_layer(place, "c_proj", merged, width, options.projection);
}

}  // namespace gradus
