// SPDX-License-Identifier: Apache-2.0
// What scaled_dot_product_attention and its backward op share.
#pragma once

#include <span>
#include <vector>

#include "engine/graph/value.h"
#include "engine/op/op.h"
#include "kernels/attention.h"

namespace gradus {

// The attributes both ops have.
std::vector<AttrSpec> attention_attributes();

// The problem of query, key, value and mask (absent: not present), without data. Throws where they
// do not fit.
kernels::AttentionProblem attention_problem(std::string_view op, const TensorSpec& query,
                                            const TensorSpec& key, const TensorSpec& value,
                                            const TensorSpec& mask, const Attrs& attrs);
// The same with the data of a run whose query is input `first`, then key, value, mask.
kernels::AttentionProblem attention_problem(const RunArgs& args, size_t first);
// The same on CUDA, where the host cannot read the key of dropout: AttentionExtras names its
// stream.
kernels::AttentionProblem attention_problem_on_cuda(const RunArgs& args, size_t first);
kernels::AttentionExtras attention_extras(const RunArgs& args, size_t first, DType logsumexp);
kernels::AttentionProblem attention_problem(const KernelQuery& query, size_t first);

// lead + (queries, value_depth) and the like.
Shape with_dims(Shape lead, std::initializer_list<int64_t> dims);
// lead with its last dim divided by the number of heads that share a key.
Shape key_lead(const kernels::AttentionProblem& problem);

// The op's formula in public ops, from values of floating type: for gradients of gradients.
struct AttentionFormula {
  kernels::AttentionProblem problem;
  Value weights;    // p, (lead, queries, keys)
  Value kept;       // what dropout multiplies p by; null without
  Value gradients;  // ds, (lead, queries, keys)
};
struct AttentionValues {
  Value query, key, value, mask, dout, out, logsumexp, dlogsumexp;  // mask, out: may be null
};
AttentionFormula attention_formula(const AttentionValues& values, const Attrs& attrs);

// (.., heads of keys, rows, cols) repeated to the heads of queries, and sums back.
Value repeat_heads(Value x, int64_t group);
Value sum_heads(Value x, int64_t group);

}  // namespace gradus
