// SPDX-License-Identifier: Apache-2.0
#include "ops/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/base/error.h"
#include "ops/matmul_support.h"
#include "ops/ops.h"
#include "ops/random_stream.h"
#include "ops/row_norm.h"

namespace gradus {
namespace {

using kernels::AttentionProblem;
using kernels::MaskKind;
using kernels::MatrixIndex;

Shape leading(const Shape& shape) {
  return Shape(shape.sizes().first(static_cast<size_t>(shape.rank() - 2)));
}

// Steps of an operand with leading dims `own` (broadcast to, or grouped under, `lead`), in units of
// `unit`.
MatrixIndex matrix_index(const Shape& own, const Shape& lead, int64_t unit, int64_t group) {
  MatrixIndex index;
  index.group = group;
  const auto strides = own.strides();
  const int added = lead.rank() - own.rank();
  for (int d = 0; d < own.rank(); ++d)
    if (own[d] != 1)
      index.steps[static_cast<size_t>(d + added)] = strides[static_cast<size_t>(d)] * unit;
  return index;
}

// Heads of queries per head of keys: 1 without enable_gqa.
int64_t head_group(std::string_view op, const Shape& query, const Shape& key, const Shape& value,
                   const Attrs& attrs) {
  if (!attrs.boolean("enable_gqa")) return 1;
  GRADUS_CHECK(query.rank() >= 3 && key.rank() >= 3 && value.rank() >= 3,
               "[{}] enable_gqa, expected query, key and value of rank 3 or more, got {}, {}, {}",
               op, to_string(query), to_string(key), to_string(value));
  const int64_t heads = query[query.rank() - 3], shared = key[key.rank() - 3];
  GRADUS_CHECK(
      shared == value[value.rank() - 3] && shared > 0 && heads % shared == 0,
      "[{}] enable_gqa, expected as many heads in key as in value and a multiple in query, "
      "got {}, {} and {}",
      op, shared, value[value.rank() - 3], heads);
  return heads / shared;
}

Shape repeated_lead(const Shape& shape, int64_t group) {
  Shape lead = leading(shape);
  if (group != 1) lead[lead.rank() - 1] *= group;
  return lead;
}

void set_mask(AttentionProblem& p, std::string_view op, const TensorSpec& query,
              const TensorSpec& mask, const Attrs& attrs) {
  const bool causal = attrs.boolean("is_causal");
  p.mask_kind = causal ? MaskKind::causal : MaskKind::none;
  if (!mask.present) return;
  GRADUS_CHECK(!causal, "[{}] attn_mask and is_causal, expected one of them", op);
  GRADUS_CHECK(mask.dtype == DType::bool_ || mask.dtype == query.dtype ||
                   (mask.dtype == DType::f32 && is_reduced_float(query.dtype)),
               "[{}] attn_mask, expected bool or {}, got {}", op, dtype_name(query.dtype),
               dtype_name(mask.dtype));
  const Shape full = with_dims(p.lead, {p.queries, p.keys});
  GRADUS_CHECK(broadcast(mask.shape, full, op) == full,
               "[{}] attn_mask, expected a shape that broadcasts to {}, got {}", op,
               to_string(full), to_string(mask.shape));
  Shape shape = mask.shape;
  while (shape.rank() < 2) shape.insert(0, 1);
  const int64_t rows = shape[shape.rank() - 2], cols = shape[shape.rank() - 1];
  p.mask_kind = mask.dtype == DType::bool_ ? MaskKind::boolean : MaskKind::additive;
  p.mask_index = matrix_index(leading(shape), p.lead, rows * cols, 1);
  p.mask_row = rows == 1 ? 0 : cols;
  p.mask_col = cols == 1 ? 0 : 1;
}

// true where key j <= query i.
Value causal_mask(Graph& graph, int64_t queries, int64_t keys) {
  const auto positions = [&](const Shape& shape) {
    std::vector<int64_t> values(static_cast<size_t>(shape.numel()));
    std::iota(values.begin(), values.end(), 0);
    return graph.constant(Tensor::from<int64_t>(DType::i64, shape, values));
  };
  return ge(positions({queries, 1}), positions({1, keys}));
}

// scale * q k^T, masked.
Value scores(const AttentionProblem& p, const AttentionValues& v) {
  const Value keys = repeat_heads(widened(v.key), p.key_index.group);
  Value s = gemm(widened(v.query), keys, false, true) * p.scale;
  if (p.mask_kind == MaskKind::additive) return s + widened(v.mask);
  if (p.mask_kind == MaskKind::none) return s;
  Graph& graph = v.query.graph();
  const Value seen = v.mask ? v.mask : causal_mask(graph, p.queries, p.keys);
  return where(seen, s, graph.scalar(-std::numeric_limits<double>::infinity(), s.dtype()));
}

AttentionProblem with_data(AttentionProblem p, const RunArgs& args, size_t first) {
  p.dtype = args.in[first].dtype;
  p.query = args.in[first].data;
  p.key = args.in[first + 1].data;
  p.value = args.in[first + 2].data;
  p.mask = args.has(first + 3) ? args.in[first + 3].data : nullptr;
  return p;
}

AttentionProblem with_dropout_key(AttentionProblem p, const RunArgs& args) {
  if (p.dropout != 0)
    p.dropout_key = philox_key(*args.rng, static_cast<uint64_t>(args.attrs.integer("rng_path")));
  return p;
}

TensorSpec spec_of(const TensorRef& ref) { return {ref.dtype, ref.shape, ref.present}; }
TensorSpec spec_of(Value value) { return value ? value.spec() : TensorSpec::absent(); }

}  // namespace

std::vector<AttrSpec> attention_attributes() {
  return {{"dropout_p", AttrType::real, 0.0},
          {"is_causal", AttrType::boolean, false},
          {"scale", AttrType::real},
          {"enable_gqa", AttrType::boolean, false},
          {"rng_path", AttrType::integer, 0}};
}

Shape with_dims(Shape lead, std::initializer_list<int64_t> dims) {
  for (int64_t size : dims) lead.push_back(size);
  return lead;
}

Shape key_lead(const AttentionProblem& problem) {
  Shape lead = problem.lead;
  if (problem.key_index.group != 1) lead[lead.rank() - 1] /= problem.key_index.group;
  return lead;
}

AttentionProblem attention_problem(std::string_view op, const TensorSpec& query,
                                   const TensorSpec& key, const TensorSpec& value,
                                   const TensorSpec& mask, const Attrs& attrs) {
  const Shape &q = query.shape, &k = key.shape, &v = value.shape;
  GRADUS_CHECK(std::min({q.rank(), k.rank(), v.rank()}) >= 2,
               "[{}] expected query, key and value of rank 2 or more, got {}, {}, {}", op,
               to_string(q), to_string(k), to_string(v));
  GRADUS_CHECK(query.dtype == key.dtype && query.dtype == value.dtype,
               "[{}] expected query, key and value of one dtype, got {}, {}, {}", op,
               dtype_name(query.dtype), dtype_name(key.dtype), dtype_name(value.dtype));
  GRADUS_CHECK(q[q.rank() - 1] == k[k.rank() - 1],
               "[{}] last dim of key, expected the query's {}, got {}", op, q[q.rank() - 1],
               k[k.rank() - 1]);
  GRADUS_CHECK(k[k.rank() - 2] == v[v.rank() - 2],
               "[{}] dim -2 of value, expected the key's {}, got {}", op, k[k.rank() - 2],
               v[v.rank() - 2]);
  const double dropout = attrs.real("dropout_p");
  GRADUS_CHECK(dropout >= 0 && dropout <= 1,
               "[{}] attribute 'dropout_p', expected a probability, got {}", op, dropout);
  const int64_t group = head_group(op, q, k, v, attrs);
  AttentionProblem p{};
  p.dtype = query.dtype;
  p.lead =
      broadcast(broadcast(leading(q), repeated_lead(k, group), op), repeated_lead(v, group), op);
  p.queries = q[q.rank() - 2];
  p.keys = k[k.rank() - 2];
  p.depth = q[q.rank() - 1];
  p.value_depth = v[v.rank() - 1];
  p.query_index = matrix_index(leading(q), p.lead, 1, 1);
  p.key_index = matrix_index(leading(k), p.lead, 1, group);
  p.value_index = matrix_index(leading(v), p.lead, 1, group);
  p.scale = attrs.has("scale") ? attrs.real("scale")
            : p.depth == 0     ? 1.0
                               : 1 / std::sqrt(static_cast<double>(p.depth));
  p.dropout = dropout;
  set_mask(p, op, query, mask, attrs);
  return p;
}

AttentionProblem attention_problem_on_cuda(const RunArgs& args, size_t first) {
  const AttentionProblem p = attention_problem(
      "scaled_dot_product_attention", spec_of(args.in[first]), spec_of(args.in[first + 1]),
      spec_of(args.in[first + 2]), spec_of(args.in[first + 3]), args.attrs);
  return with_data(p, args, first);
}

AttentionProblem attention_problem(const RunArgs& args, size_t first) {
  return with_dropout_key(attention_problem_on_cuda(args, first), args);
}

kernels::AttentionExtras attention_extras(const RunArgs& args, size_t first, DType logsumexp) {
  const DType mask = args.has(first + 3) ? args.in[first + 3].dtype : args.in[first].dtype;
  return {random_stream(args), mask, logsumexp, logsumexp};
}

AttentionProblem attention_problem(const KernelQuery& query, size_t first) {
  return attention_problem("scaled_dot_product_attention", query.in[first], query.in[first + 1],
                           query.in[first + 2], query.in[first + 3], query.attrs);
}

Value repeat_heads(Value x, int64_t group) {
  if (group == 1) return x;
  const int head = x.rank() - 3;
  Shape apart = x.shape(), repeated = x.shape();
  apart.insert(head + 1, 1);
  Shape wide = apart;
  wide[head + 1] = group;
  repeated[head] *= group;
  return reshape(expand(reshape(x, apart), wide), repeated);
}

Value sum_heads(Value x, int64_t group) {
  if (group == 1) return x;
  const int head = x.rank() - 3;
  Shape apart = x.shape();
  apart[head] /= group;
  apart.insert(head + 1, group);
  return sum(reshape(x, apart), {head + 1});
}

AttentionFormula attention_formula(const AttentionValues& v, const Attrs& attrs) {
  AttentionFormula f;
  f.problem = attention_problem("scaled_dot_product_attention", v.query.spec(), v.key.spec(),
                                v.value.spec(), spec_of(v.mask), attrs);
  const AttentionProblem& p = f.problem;
  const Shape column = with_dims(p.lead, {p.queries, 1});
  f.weights = exp(scores(p, v) - reshape(v.logsumexp, column));
  const Value values = repeat_heads(widened(v.value), p.key_index.group);
  const Value dout = widened(v.dout);
  Value dweights = gemm(dout, values, false, true);
  if (p.dropout != 0) {
    const Value ones =
        dout.graph().full(with_dims(p.lead, {p.queries, p.keys}), 1.0, dweights.dtype());
    f.kept =
        apply1("dropout", {ones},
               {{"p", p.dropout}, {"training", true}, {"rng_path", attrs.integer("rng_path")}});
    dweights = dweights * f.kept;
  }
  Value terms =
      v.out ? sum(dout * widened(v.out), {-1}, true) : sum(f.weights * dweights, {-1}, true);
  if (v.dlogsumexp) terms = terms - reshape(v.dlogsumexp, column);
  f.gradients = f.weights * (dweights - terms);
  return f;
}

}  // namespace gradus
