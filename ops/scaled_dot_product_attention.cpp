// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/grad_args.h"
#include "ops/attention.h"
#include "ops/cpu_variants.h"
#include "ops/cuda_variants.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/row_norm.h"
#include "ops/support.h"

namespace gradus {
namespace {

enum Input { query_in, key_in, value_in, mask_in };

std::vector<TensorSpec> infer(const InferArgs& args) {
  const kernels::AttentionProblem p = attention_problem(
      args.op, args.in[query_in], args.in[key_in], args.in[value_in], args.in[mask_in], args.attrs);
  // Throws where the scratch of the kernels could not be counted in 63 bits.
  (void)dtype_bytes(
      DType::f64,
      with_dims(p.lead, {p.queries + p.keys + 128, 8 * (p.depth + p.value_depth + 32)}).numel());
  (void)dtype_bytes(DType::f64, with_dims(p.lead, {p.queries + 64, p.keys + 64}).numel());
  return {{args.in[query_in].dtype, with_dims(p.lead, {p.queries, p.value_depth})},
          {statistics_dtype(args.in[query_in].dtype), with_dims(p.lead, {p.queries})}};
}

kernels::AttentionArgs bind(const RunArgs& args) {
  return {attention_problem(args, query_in), args.out[0].data, args.out[1].data, args.workspace};
}

template <class>
void run_cuda(const RunArgs& args) {
  kernels::attention_cuda(
      {attention_problem_on_cuda(args, query_in), args.out[0].data, args.out[1].data},
      attention_extras(args, query_in, args.out[1].dtype), args.stream);
}

template <class>
bool fits_cuda(const KernelQuery& query) {
  return kernels::attention_cuda_usable(attention_problem(query, query_in),
                                        query.device.shared_memory_per_block);
}

std::vector<Value> grad(GradArgs& args) {
  const AttrList attrs(args.attrs.all().begin(), args.attrs.all().end());
  // The backward pass takes differences from sums over a row of `output`: rounded to a reduced
  // float it would be off by more than they are.
  const bool rounded = is_reduced_float(args.in[query_in].dtype());
  const AttentionValues v{args.in[query_in], args.in[key_in],       args.in[value_in],
                          args.in[mask_in],  args.dout_or_zeros(0), rounded ? Value() : args.out[0],
                          args.out[1],       args.dout[1]};
  const std::vector<Value> parts =
      apply("scaled_dot_product_attention_backward",
            {v.dout, v.query, v.key, v.value, v.mask, v.out, v.logsumexp, v.dlogsumexp}, attrs);
  std::vector<Value> result{reduce_like(parts[0], v.query),
                            reduce_like(parts[1], v.key),
                            reduce_like(parts[2], v.value),
                            {}};
  if (v.mask && args.wants(mask_in))
    result[mask_in] = reduce_like(attention_formula(v, args.attrs).gradients, v.mask);
  return result;
}

Sample attend(const Shape& query, const Shape& key, const Shape& value, SampleInput mask,
              AttrList attrs = {}) {
  return {.inputs = {{.shape = query}, {.shape = key}, {.shape = value}, std::move(mask)},
          .attrs = std::move(attrs)};
}

std::vector<Sample> samples() {
  const SampleInput none = SampleInput::absent();
  const auto flags = [](const Shape& shape) {
    return SampleInput{
        .shape = shape, .dtype = DType::bool_, .fill = Fill::integers, .lo = 0, .hi = 2};
  };
  std::vector<Sample> list{
      attend({2, 3, 4}, {2, 5, 4}, {2, 5, 3}, none),
      attend({3, 4}, {5, 4}, {5, 4}, none, {{"scale", 0.7}}),
      attend({2, 2, 5, 3}, {2, 2, 5, 3}, {2, 2, 5, 3}, none, {{"is_causal", true}}),
      attend({1, 4, 3, 2}, {1, 2, 5, 2}, {1, 2, 5, 3}, none, {{"enable_gqa", true}}),
      attend({2, 3, 4}, {2, 5, 4}, {2, 5, 4}, flags({3, 5})),
      attend({2, 3, 4}, {2, 5, 4}, {2, 5, 4}, {.shape = {2, 1, 5}}),
      attend({2, 3, 4}, {2, 2, 5, 4}, {2, 1, 5, 4}, {.shape = {3, 1}}),
      attend({2, 3, 4}, {2, 5, 4}, {2, 5, 4}, none, {{"dropout_p", 0.5}, {"rng_path", 7}}),
      attend({1, 1}, {1, 1}, {1, 1}, none),
      attend({2, 0, 4}, {2, 3, 4}, {2, 3, 4}, none),
      attend({2, 3, 4}, {2, 0, 4}, {2, 0, 4}, none),
      attend({1, 67, 16}, {1, 70, 16}, {1, 70, 16}, none),
      attend({2, 70, 16}, {1, 70, 16}, {1, 70, 16}, none,
             {{"is_causal", true}, {"enable_gqa", true}}),
      attend({8, 4, 256, 64}, {8, 4, 256, 64}, {8, 4, 256, 64}, none, {{"is_causal", true}})};
  list[11].grad = list[11].second = list[12].grad = list[12].second = false;
  list.back().bench = true;
  return list;
}

}  // namespace

OpDef scaled_dot_product_attention_op() {
  return {
      .name = "scaled_dot_product_attention",
      .doc =
          "softmax(scale * query key^T + attn_mask) value, scale none: 1 / sqrt(depth); a "
          "bool mask is false where attention is not allowed; a row without a key gives 0. "
          "enable_gqa: neighbouring heads of query share a head of key and value. logsumexp "
          "of each row (inf for one without a key) is an output too",
      .inputs = {{"query"}, {"key"}, {"value"}, {"attn_mask", InputKind::optional}},
      .outputs = {"output", "logsumexp"},
      .extra_outputs = 1,
      .attributes = attention_attributes(),
      .infer = infer,
      .grad = grad,
      .cpu = cpu_variants<bind, kernels::attention_avx512, kernels::attention_avx2,
                          kernels::attention_cpu>(
          [](const KernelQuery& query) {
            return kernels::AttentionScratch(attention_problem(query, query_in), false).bytes();
          },
          [](const KernelQuery& query) {
            return kernels::attention_workspace(attention_problem(query, query_in));
          }),
      .cuda = cuda_variants([](auto tag) {
        using Tag = decltype(tag);
        return std::vector<KernelVariant>{{"tiles", run_cuda<Tag>, nullptr, fits_cuda<Tag>}};
      }),
      .autocast = AutocastClass::low_precision,
      .random = true,
      .samples = samples,
      .cost = [](const KernelQuery& query) {
        const kernels::AttentionProblem p = attention_problem(query, query_in);
        const double pairs = static_cast<double>(p.lead.numel()) * static_cast<double>(p.queries) *
                             static_cast<double>(p.keys) *
                             (p.mask_kind == kernels::MaskKind::causal ? 0.5 : 1.0);
        return Cost{2 * pairs * static_cast<double>(p.depth + p.value_depth), least_bytes(query)};
      }};
}

}  // namespace gradus
