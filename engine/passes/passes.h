// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "engine/passes/rewrite.h"

namespace gradus {

// Removes nodes that no output or update needs. Keeps the graph's inputs and states. Same bits.
GraphPtr eliminate_dead_code(const Graph& graph);

// Makes one node of nodes with the same op, attributes and inputs; random ops are told apart by
// their rng_path. Same bits.
GraphPtr eliminate_common_subexpressions(const Graph& graph);

// Runs a node on the given CPU tensors.
using Evaluator =
    std::function<std::vector<Tensor>(const Node& node, std::span<const Tensor> inputs)>;
// Computes nodes whose inputs are all constant, once, if the results are at most `most_bytes` each.
// Same bits.
GraphPtr fold_constants(const Graph& graph, const Evaluator& evaluate, int64_t most_bytes = 4096);

// Where a matrix product reads embedding(indices, table) with at least twice as many indices as the
// table has rows, multiplies the table instead and looks the products up; likewise for the
// product's gradients. Values looked up have the same bits; gradients are summed in another order,
// the same way in every run.
GraphPtr multiply_tables(const Graph& graph);

// Moves convolutions, and what stands between them, to channels-last activations: the attribute
// `channels_last`, and permutes where such a region begins and ends. Only for groups == 1 and not
// in f64, where the channels-last kernels are the faster ones. Changes bits (another order of
// sums), the same way in every run.
GraphPtr choose_layout(const Graph& graph);

// Makes one node of a channels-last batch_norm, its relu and the max pooling behind it (windows
// side by side), and one of their gradients, where nobody else reads what is between: the norm's
// results are then never stored. Changes bits by a rounding.
GraphPtr fuse_norms(const Graph& graph);

// Groups pointwise nodes of one shape and compute type into `fused` nodes that evaluate them in one
// pass over tiles. Same bits: fused and unfused evaluation call the same tile functions.
GraphPtr fuse_pointwise(const Graph& graph);

// Runs ops of AutocastClass::low_precision in `low` (f16 or bf16), those of full_precision in f32,
// and the others in `low` where all they read is in it. States, inputs, outputs and updates keep
// their dtype. Changes bits.
GraphPtr autocast(const Graph& graph, DType low);

// What recompute works on: nodes [0, first_backward) are the forward pass; the nodes of a segment
// are those whose path starts with its name.
struct RecomputeOptions {
  int first_backward = 0;
  std::vector<std::string> segments;
};
// Values inside a segment are not kept for the backward pass but computed again, from what enters
// the segment, right before their first reader there. Random nodes keep their rng_path, so it gives
// the same bits.
GraphPtr recompute(const Graph& graph, const RecomputeOptions& options);

struct Pass {
  std::string_view name;
  std::function<GraphPtr(const Graph&)> run;
};

// Runs the passes in order; in debug builds the result of each is checked against the graph's spec.
// `observe` sees each graph (debug dumps).
GraphPtr run_passes(GraphPtr graph, const std::vector<Pass>& passes,
                    const std::function<void(std::string_view pass, const Graph&)>& observe = {});

// Dead code, common subexpressions, folding, layout, fusions: what every graph gets before it is
// planned.
std::vector<Pass> standard_passes(const Evaluator& evaluate);

}  // namespace gradus
