// SPDX-License-Identifier: Apache-2.0
// Multi-head attention with its projections (Vaswani et al. 2017): torch.nn.MultiheadAttention with
// batch_first, whose weights fit as they are.
#include "engine/base/error.h"
#include "ops/op_list.h"
#include "ops/ops.h"

namespace gradus {
namespace {

constexpr std::string_view name = "multi_head_attention";

enum Input { query, key, value, in_weight, in_bias, out_weight, out_bias, mask };

void check_shape(Value input, const Shape& wanted, std::string_view what) {
  GRADUS_CHECK(!input || input.shape() == wanted, "[{}] input '{}', expected {}, got {}", name,
               what, to_string(wanted), to_string(input.shape()));
}

void check(std::span<const Value> in, int64_t heads) {
  const Shape& q = in[query].shape();
  GRADUS_CHECK(q.rank() == 2 || q.rank() == 3,
               "[{}] input 'query', expected (batch, length, width) or (length, width), got {}",
               name, to_string(q));
  const int64_t width = q[q.rank() - 1];
  GRADUS_CHECK(heads >= 1 && width % heads == 0,
               "[{}] attribute 'num_heads', expected a divisor of the width {}, got {}", name,
               width, heads);
  const Shape& k = in[key].shape();
  GRADUS_CHECK(k.rank() == q.rank() && k[k.rank() - 1] == width && (k.rank() == 2 || k[0] == q[0]),
               "[{}] input 'key', expected the batch and width of query {}, got {}", name,
               to_string(q), to_string(k));
  check_shape(in[value], k, "value");
  check_shape(in[in_weight], {3 * width, width}, "in_proj_weight");
  check_shape(in[in_bias], {3 * width}, "in_proj_bias");
  check_shape(in[out_weight], {width, width}, "out_proj_weight");
  check_shape(in[out_bias], {width}, "out_proj_bias");
}

// Row block `part` of three.
Value third(Value packed, int part) {
  if (!packed) return packed;
  const int64_t rows = packed.shape()[0] / 3;
  return apply1("slice", {packed},
                {{"dim", 0}, {"start", part * rows}, {"end", (part + 1) * rows}});
}

// x projected, (batch, heads, length, width / heads).
Value heads_of(std::span<const Value> in, int part, int64_t batch, int64_t heads) {
  const Value x = in[static_cast<size_t>(part)];
  const int64_t length = x.shape()[x.rank() - 2], width = x.shape()[x.rank() - 1];
  const Value projected =
      apply1("linear", {x, third(in[in_weight], part), third(in[in_bias], part)});
  return transpose(reshape(projected, {batch, length, heads, width / heads}), 1, 2);
}

// PyTorch's mask, true where attention is *not* allowed, as attention takes it: true where it is.
Value allowed(Value given, int64_t batch, int64_t heads) {
  if (!given) return given;
  const Value plain = given.dtype() == DType::bool_ ? logical_not(given) : given;
  if (plain.rank() != 3) return plain;
  GRADUS_CHECK(plain.shape()[0] == batch * heads,
               "[{}] input 'attn_mask' of rank 3, expected {} (batch * heads) first, got {}", name,
               batch * heads, to_string(plain.shape()));
  return reshape(plain, {batch, heads, plain.shape()[1], plain.shape()[2]});
}

std::vector<Value> composite(std::span<const Value> in, const Attrs& attrs) {
  const int64_t heads = attrs.integer("num_heads");
  check(in, heads);
  const Shape& shape = in[query].shape();
  const int64_t batch = shape.rank() == 3 ? shape[0] : 1;
  const Value mixed = apply1("scaled_dot_product_attention",
                             {heads_of(in, query, batch, heads), heads_of(in, key, batch, heads),
                              heads_of(in, value, batch, heads), allowed(in[mask], batch, heads)},
                             {{"is_causal", attrs.boolean("is_causal")}});
  const Value merged = reshape(transpose(mixed, 1, 2), shape);
  return {apply1("linear", {merged, in[out_weight], in[out_bias]})};
}

std::vector<Sample> samples() {
  const auto sample = [](const Shape& q, const Shape& k, int64_t heads, bool bias = true,
                         SampleInput attn_mask = SampleInput::absent(), AttrList more = {}) {
    const int64_t width = q[q.rank() - 1];
    const auto optional = [&](int64_t size) {
      return bias ? SampleInput{.shape = {size}} : SampleInput::absent();
    };
    more.emplace_back("num_heads", heads);
    return Sample{.inputs = {{.shape = q},
                             {.shape = k},
                             {.shape = k},
                             {.shape = {3 * width, width}},
                             optional(3 * width),
                             {.shape = {width, width}},
                             optional(width),
                             std::move(attn_mask)},
                  .attrs = std::move(more)};
  };
  const auto flags = [](const Shape& shape) {
    return SampleInput{
        .shape = shape, .dtype = DType::bool_, .fill = Fill::integers, .lo = 0, .hi = 2};
  };
  std::vector<Sample> list{
      sample({2, 3, 4}, {2, 5, 4}, 2),
      sample({3, 6}, {3, 6}, 3, false, SampleInput::absent(), {{"is_causal", true}}),
      sample({2, 3, 4}, {2, 5, 4}, 2, true, flags({3, 5})),
      sample({2, 3, 4}, {2, 5, 4}, 2, false, {.shape = {4, 3, 5}}),
      sample({1, 1, 1}, {1, 1, 1}, 1),
      sample({2, 0, 4}, {2, 3, 4}, 4),
      sample({1, 33, 16}, {1, 35, 16}, 4),
      sample({8, 256, 256}, {8, 256, 256}, 4)};
  list[6].grad = list[6].second = false;
  list.back().bench = true;
  return list;
}

}  // namespace

OpDef multi_head_attention_op() {
  return {.name = name,
          .doc =
              "linear(attention of num_heads heads of width / num_heads each over query, key and "
              "value, projected by the three blocks of in_proj_weight), as "
              "torch.nn.MultiheadAttention (batch_first): (batch, length, width) or (length, "
              "width); a bool attn_mask (length, keys) or (batch * heads, length, keys) is true "
              "where attention is not allowed, another one is added to the scores; "
              "is_causal takes no attn_mask beside it, as in scaled_dot_product_attention",
          .inputs = {{"query"},
                     {"key"},
                     {"value"},
                     {"in_proj_weight"},
                     {"in_proj_bias", InputKind::optional},
                     {"out_proj_weight"},
                     {"out_proj_bias", InputKind::optional},
                     {"attn_mask", InputKind::optional}},
          .attributes = {{"num_heads", AttrType::integer, {}, true},
                         {"is_causal", AttrType::boolean, false}},
          .composite = composite,
          .samples = samples};
}

}  // namespace gradus
