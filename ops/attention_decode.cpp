// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention_decode.h"

#include <cmath>

#include "engine/base/error.h"
#include "ops/op_list.h"
#include "ops/support.h"

namespace gradus {
namespace {

enum Input { query_in, key_in, value_in, key_cache_in, value_cache_in, position_in };

void expect(const InferArgs& args, Input position, std::string_view name, const Shape& shape) {
  const TensorSpec expected{args.in[query_in].dtype, shape};
  GRADUS_CHECK(args.in[position] == expected, "[{}] {}, expected {}, got {}", args.op, name,
               to_string(expected), to_string(args.in[position]));
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  const Shape &query = args.in[query_in].shape, &keys = args.in[key_cache_in].shape;
  const Shape& values = args.in[value_cache_in].shape;
  GRADUS_CHECK(query.rank() == 4 && query[2] == 1,
               "[{}] query, expected (batch, heads, 1, depth), got {}", args.op, to_string(query));
  GRADUS_CHECK(keys.rank() == 4 && values.rank() == 4,
               "[{}] caches, expected (batch, heads, capacity, depth), got {} and {}", args.op,
               to_string(keys), to_string(values));
  const int64_t batch = query[0], heads = query[1], shared = keys[1];
  GRADUS_CHECK(shared > 0 && heads % shared == 0,
               "[{}] heads of the key cache, expected a divisor of the query's {}, got {}", args.op,
               heads, shared);
  expect(args, key_cache_in, "key_cache", {batch, shared, keys[2], query[3]});
  expect(args, value_cache_in, "value_cache", {batch, shared, keys[2], values[3]});
  expect(args, key_in, "key", {batch, shared, 1, query[3]});
  expect(args, value_in, "value", {batch, shared, 1, values[3]});
  const TensorSpec& position = args.in[position_in];
  GRADUS_CHECK(position.dtype == DType::i64 &&
                   (position.shape.rank() == 0 || position.shape == Shape{batch}),
               "[{}] position, expected i64 () or ({}), got {}", args.op, batch,
               to_string(position));
  (void)dtype_bytes(DType::f64, Shape({batch, heads, keys[2]}).numel());
  return {{args.in[query_in].dtype, {batch, heads, 1, values[3]}},
          args.in[key_cache_in],
          args.in[value_cache_in]};
}

void check_positions(const TensorRef& position, int64_t capacity) {
  const int64_t* values = position.as<const int64_t>();
  for (int64_t b = 0; b < position.numel(); ++b)
    if (values[b] < 0 || values[b] >= capacity)
      failf(ErrorKind::bad_data, "attention_decode",
            "position[{}], expected 0 to {} (the cache holds {}), got {}", b, capacity - 1,
            capacity, values[b]);
}

void run(const RunArgs& args) {
  const Shape &query = args.in[query_in].shape, &keys = args.in[key_cache_in].shape;
  if (query[0] == 0) return;
  check_positions(args.in[position_in], keys[2]);
  const double scale = args.attrs.has("scale") ? args.attrs.real("scale")
                       : query[3] == 0         ? 1.0
                                               : 1 / std::sqrt(static_cast<double>(query[3]));
  kernels::attention_decode_cpu(
      {args.in[query_in].dtype, args.in[query_in].data, args.in[key_in].data,
       args.in[value_in].data, args.in[key_cache_in].data, args.in[value_cache_in].data,
       args.in[position_in].as<const int64_t>(), args.in[position_in].shape.rank(),
       args.out[0].data, args.out[1].data, args.out[2].data, query[0], query[1], keys[1], keys[2],
       query[3], args.in[value_cache_in].shape[3], scale, args.workspace});
}

int64_t workspace(const KernelQuery& query) {
  const Shape& q = query.in[query_in].shape;
  return q[0] * q[1] * query.in[key_cache_in].shape[2] * static_cast<int64_t>(sizeof(double));
}

Sample decode(int64_t batch, int64_t heads, int64_t shared, int64_t capacity, int64_t depth,
              int64_t value_depth, bool one_position, AttrList attrs = {}) {
  return {.inputs = {{.shape = {batch, heads, 1, depth}},
                     {.shape = {batch, shared, 1, depth}},
                     {.shape = {batch, shared, 1, value_depth}},
                     {.shape = {batch, shared, capacity, depth}},
                     {.shape = {batch, shared, capacity, value_depth}},
                     SampleInput::indices(one_position ? Shape{} : Shape{batch}, capacity)},
          .attrs = std::move(attrs)};
}

std::vector<Sample> samples() {
  std::vector<Sample> list{decode(2, 2, 2, 5, 4, 4, false),
                           decode(3, 4, 2, 7, 3, 5, true),
                           decode(2, 2, 1, 5, 4, 4, false, {{"scale", 0.3}}),
                           decode(1, 1, 1, 1, 1, 1, true),
                           decode(0, 2, 1, 3, 4, 4, true),
                           decode(1, 12, 12, 1024, 64, 64, true)};
  list.back().bench = true;
  return list;
}

}  // namespace

OpDef attention_decode_op() {
  return {.name = "attention_decode",
          .doc =
              "one token's attention against a cache: key and value become row `position` of the "
              "caches, then softmax(scale * query keys^T) values over rows 0 to position. "
              "position is one for all sequences or one for each; neighbouring heads of query "
              "share a head of the caches. Outputs: output and the next caches",
          .inputs = {{"query"},
                     {"key"},
                     {"value"},
                     {"key_cache"},
                     {"value_cache"},
                     {"position", InputKind::required, false}},
          .outputs = {"output", "key_cache", "value_cache"},
          .attributes = {{"scale", AttrType::real}},
          .infer = infer,
          .no_grad = "decoding has no backward pass; train with scaled_dot_product_attention",
          .cpu = {{"reference", run, workspace}},
          .aliases = {{1, key_cache_in}, {2, value_cache_in}},
          .state = {{1, key_cache_in}, {2, value_cache_in}},
          .samples = samples,
          .cost = [](const KernelQuery& query) {
            const Shape& keys = query.in[key_cache_in].shape;
            return Cost{2.0 * static_cast<double>(query.in[query_in].shape[1]) *
                            static_cast<double>(keys[0] * keys[2]) *
                            static_cast<double>(keys[3] + query.in[value_cache_in].shape[3]),
                        least_bytes(query)};
          }};
}

}  // namespace gradus
