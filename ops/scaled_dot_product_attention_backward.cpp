// SPDX-License-Identifier: Apache-2.0
#include "engine/base/error.h"
#include "ops/attention.h"
#include "ops/composite_gradient.h"
#include "ops/cpu_variants.h"
#include "ops/cuda_variants.h"
#include "ops/matmul_support.h"
#include "ops/op_list.h"
#include "ops/ops.h"
#include "ops/row_norm.h"
#include "ops/support.h"

namespace gradus {
namespace {

enum Input { dout_in, query_in, key_in, value_in, mask_in, out_in, logsumexp_in, dlogsumexp_in };

void expect(const InferArgs& args, size_t position, std::string_view name,
            const TensorSpec& expected) {
  if (!args.has(position)) return;
  GRADUS_CHECK(args.in[position] == expected, "[{}] '{}', expected {}, got {}", args.op, name,
               to_string(expected), to_string(args.in[position]));
}

void expect_rows(const InferArgs& args, size_t position, std::string_view name,
                 TensorSpec expected) {
  if (args.has(position) && fits_statistics(args.in[position].dtype, args.in[query_in].dtype))
    expected.dtype = args.in[position].dtype;
  expect(args, position, name, expected);
}

std::vector<TensorSpec> infer(const InferArgs& args) {
  const kernels::AttentionProblem p = attention_problem(
      args.op, args.in[query_in], args.in[key_in], args.in[value_in], args.in[mask_in], args.attrs);
  const DType dtype = args.in[query_in].dtype;
  const TensorSpec out{dtype, with_dims(p.lead, {p.queries, p.value_depth})};
  const TensorSpec rows{statistics_dtype(dtype), with_dims(p.lead, {p.queries})};
  expect(args, dout_in, "grad_output", out);
  expect(args, out_in, "output", out);
  expect_rows(args, logsumexp_in, "logsumexp", rows);
  expect_rows(args, dlogsumexp_in, "grad_logsumexp", rows);
  return {{dtype, with_dims(p.lead, {p.queries, p.depth})},
          {dtype, with_dims(key_lead(p), {p.keys, p.depth})},
          {dtype, with_dims(key_lead(p), {p.keys, p.value_depth})}};
}

kernels::AttentionBackwardArgs bound_to(const RunArgs& args,
                                        const kernels::AttentionProblem& problem) {
  return {problem,
          args.in[dout_in].data,
          args.has(out_in) ? args.in[out_in].data : nullptr,
          args.in[logsumexp_in].data,
          args.has(dlogsumexp_in) ? args.in[dlogsumexp_in].data : nullptr,
          args.out[0].data,
          args.out[1].data,
          args.out[2].data,
          args.workspace};
}

kernels::AttentionBackwardArgs bind(const RunArgs& args) {
  return bound_to(args, attention_problem(args, query_in));
}

template <class>
void run_cuda(const RunArgs& args) {
  kernels::AttentionBackwardArgs backward =
      bound_to(args, attention_problem_on_cuda(args, query_in));
  kernels::AttentionExtras extras = attention_extras(args, query_in, args.in[logsumexp_in].dtype);
  if (args.has(dlogsumexp_in)) extras.dlogsumexp = args.in[dlogsumexp_in].dtype;
  kernels::attention_backward_cuda(backward, extras, args.stream);
}

template <class>
int64_t cuda_workspace(const KernelQuery& query) {
  return kernels::attention_backward_cuda_workspace(attention_problem(query, query_in));
}

template <class>
bool fits_cuda(const KernelQuery& query) {
  return kernels::attention_backward_cuda_usable(attention_problem(query, query_in),
                                                 query.device.shared_memory_per_block);
}

std::vector<Value> grad(GradArgs& args) {
  return composite_gradients(args, [&args](const std::vector<Value>& in) {
    const AttentionValues v{in[query_in], in[key_in], in[value_in],     in[mask_in],
                            in[dout_in],  in[out_in], in[logsumexp_in], in[dlogsumexp_in]};
    const AttentionFormula f = attention_formula(v, args.attrs);
    const int64_t group = f.problem.key_index.group;
    const Value kept = f.kept ? f.weights * f.kept : f.weights;
    const Value keys = repeat_heads(widened(v.key), group);
    const Value dquery = gemm(f.gradients, keys) * f.problem.scale;
    const Value dkey = gemm(f.gradients, widened(v.query), true) * f.problem.scale;
    const Value dvalue = gemm(kept, widened(v.dout), true);
    const DType dtype = v.query.dtype();
    return std::vector<Value>{cast(dquery, dtype), cast(sum_heads(dkey, group), dtype),
                              cast(sum_heads(dvalue, group), dtype)};
  });
}

// dout, query, key, value, mask, out, logsumexp, dlogsumexp: out and logsumexp need not belong to
// the others.
Sample backward(const Shape& lead, int64_t queries, const Shape& query, const Shape& key,
                const Shape& value, SampleInput mask, bool with_dlogsumexp, AttrList attrs = {}) {
  const Shape out = with_dims(lead, {queries, value[value.rank() - 1]});
  const SampleInput rows{.shape = with_dims(lead, {queries}), .lo = 1, .hi = 2};
  return {.inputs = {{.shape = out},
                     {.shape = query},
                     {.shape = key},
                     {.shape = value},
                     std::move(mask),
                     {.shape = out},
                     rows,
                     with_dlogsumexp ? rows : SampleInput::absent()},
          .attrs = std::move(attrs)};
}

std::vector<Sample> samples() {
  const SampleInput none = SampleInput::absent();
  const SampleInput flags{
      .shape = {3, 5}, .dtype = DType::bool_, .fill = Fill::integers, .lo = 0, .hi = 2};
  std::vector<Sample> list{
      backward({2}, 3, {2, 3, 4}, {2, 5, 4}, {2, 5, 3}, none, true),
      backward({}, 3, {3, 4}, {5, 4}, {5, 4}, none, false, {{"scale", 0.7}}),
      backward({2}, 5, {2, 5, 3}, {2, 5, 3}, {2, 5, 3}, none, true, {{"is_causal", true}}),
      backward({4}, 3, {4, 3, 2}, {2, 5, 2}, {2, 5, 3}, none, true, {{"enable_gqa", true}}),
      backward({2}, 3, {2, 3, 4}, {2, 5, 4}, {2, 5, 4}, flags, true),
      backward({2}, 3, {2, 3, 4}, {2, 5, 4}, {2, 5, 4}, {.shape = {2, 1, 5}}, false),
      backward({2, 2}, 3, {2, 3, 4}, {2, 2, 5, 4}, {2, 1, 5, 4}, none, true),
      backward({2}, 3, {2, 3, 4}, {2, 5, 4}, {2, 5, 4}, none, true,
               {{"dropout_p", 0.5}, {"rng_path", 7}}),
      backward({}, 1, {1, 1}, {1, 1}, {1, 1}, none, true),
      backward({2}, 0, {2, 0, 4}, {2, 3, 4}, {2, 3, 4}, none, true),
      backward({1}, 67, {1, 67, 16}, {1, 70, 16}, {1, 70, 16}, none, true),
      backward({2}, 70, {2, 70, 16}, {1, 70, 16}, {1, 70, 16}, none, false,
               {{"is_causal", true}, {"enable_gqa", true}}),
      backward({8, 4}, 256, {8, 4, 256, 64}, {8, 4, 256, 64}, {8, 4, 256, 64}, none, false,
               {{"is_causal", true}})};
  for (size_t i : {0, 3, 5, 7, 10, 11}) {  // without `output`
    list.insert(list.end() - 1, list[i]);
    list[list.size() - 2].inputs[out_in] = SampleInput::absent();
  }
  list[10].grad = list[10].second = list[11].grad = list[11].second = false;
  for (size_t i : {list.size() - 3, list.size() - 2}) list[i].grad = list[i].second = false;
  list.back().bench = true;
  return list;
}

}  // namespace

OpDef scaled_dot_product_attention_backward_op() {
  return {
      .name = "scaled_dot_product_attention_backward",
      .doc =
          "the gradients of scaled_dot_product_attention from its outputs, weights "
          "recomputed as exp(scores - logsumexp); broadcast leading dims are not summed "
          "over, heads that share keys are. Without `output`, its products with grad_output are "
          "taken from the weights",
      .inputs = {{"grad_output"},
                 {"query"},
                 {"key"},
                 {"value"},
                 {"attn_mask", InputKind::optional},
                 {"output", InputKind::optional},
                 {"logsumexp"},
                 {"grad_logsumexp", InputKind::optional}},
      .outputs = {"grad_query", "grad_key", "grad_value"},
      .attributes = attention_attributes(),
      .infer = infer,
      .grad = grad,
      .cpu = cpu_variants<bind, kernels::attention_backward_avx512,
                          kernels::attention_backward_avx2, kernels::attention_backward_cpu>(
          [](const KernelQuery& query) {
            return kernels::AttentionScratch(attention_problem(query, query_in), true).bytes();
          },
          [](const KernelQuery& query) {
            return kernels::attention_backward_workspace(attention_problem(query, query_in));
          }),
      .cuda = cuda_variants([](auto tag) {
        using Tag = decltype(tag);
        return std::vector<KernelVariant>{
            {"tiles", run_cuda<Tag>, cuda_workspace<Tag>, fits_cuda<Tag>}};
      }),
      .random = true,
      .samples = samples,
      .cost = [](const KernelQuery& query) {
        const kernels::AttentionProblem p = attention_problem(query, query_in);
        const double pairs = static_cast<double>(p.lead.numel()) * static_cast<double>(p.queries) *
                             static_cast<double>(p.keys) *
                             (p.mask_kind == kernels::MaskKind::causal ? 0.5 : 1.0);
        return Cost{pairs * static_cast<double>(6 * p.depth + 4 * p.value_depth),
                    least_bytes(query)};
      }};
}

}  // namespace gradus
