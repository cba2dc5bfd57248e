// SPDX-License-Identifier: Apache-2.0
// One application of one op to given tensors, as a graph of its own: what `gradus op run`, `check`
// and `bench` and the generic test have in common.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/exec/stepwise.h"
#include "engine/graph/graph.h"
#include "engine/op/op.h"

namespace gradus {

struct OpCase {
  const OpDef* op = nullptr;
  AttrList attrs = {};
  std::vector<Tensor> inputs = {};  // an empty tensor is an absent optional input
};

// Tensors for a sample: Philox by `stream` and the input's position, so the same on every machine.
// Floating inputs take the dtype `floats`. Fill's ranges hold before rounding to it.
std::vector<Tensor> sample_inputs(const Sample& sample, DType floats, std::string_view stream);

// Values in [-1, 1) of any shape, for seeds of gradients.
Tensor random_tensor(DType dtype, const Shape& shape, std::string_view stream);

// "softmax(f32 (3, 7), {dim: -1})".
std::string describe(const OpCase& op_case);

// The graph of one op with its inputs named "0", "1", ... and its outputs likewise.
// order 0: outputs alone. order 1: also inputs grad_output.M and outputs grad.N, the gradients of
// sum(output * grad_output). order 2: also inputs grad_grad.N and outputs grad2.N and
// grad2_output.M, the gradients of sum(grad * grad_grad) by the inputs and by grad_output.
// N counts inputs that are differentiable, floating and present, by their position; M outputs that
// are floating.
class OpGraph {
 public:
  explicit OpGraph(const OpCase& op_case, int order = 0);

  // `inputs` holds what the graph names, each of the spec it declares. Gradients that do not exist
  // because nothing depends on the input are left out.
  TensorMap run(const TensorMap& inputs, const StepwiseOptions& options = {}) const;

  const Graph& graph() const { return *graph_; }
  const std::vector<size_t>& differentiable() const { return differentiable_; }  // inputs
  const std::vector<size_t>& floating_outputs() const { return floating_outputs_; }
  // Null where the output is absent.
  const std::vector<Value>& outputs() const { return outputs_; }

 private:
  void add_gradients(int order);

  std::unique_ptr<Graph> graph_ = std::make_unique<Graph>();
  std::vector<Value> inputs_, outputs_;
  std::vector<size_t> differentiable_, floating_outputs_;
};

// The case's inputs under the names OpGraph gives them.
TensorMap named_inputs(const OpCase& op_case);

}  // namespace gradus
