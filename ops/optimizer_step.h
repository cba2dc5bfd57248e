// SPDX-License-Identifier: Apache-2.0
// What the update rules share. Inputs: weight, grad, the rule's states, lr, step, scale, skip, the
// rule's further states. Outputs: weight and the states, each the next version of its input.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "engine/graph/value.h"
#include "engine/op/op.h"
#include "kernels/optimizer_step.h"

namespace gradus {

struct StepLayout {
  std::vector<InputSpec> states;  // behind grad
  std::vector<InputSpec> extras;  // behind skip: only some forms of the rule have them
  bool counts = false;            // the rule cannot do without step
  std::string_view number = {};   // the state that is one number, not of the weight's shape
  std::string_view row = {};      // the state of one number a row: the last dim is 1
  std::string_view column = {};   // the state of one number a column: the last dim but one is 1

  size_t lr() const { return 2 + states.size(); }
  size_t skip() const { return lr() + 3; }
  // The position of state `i`, extras included; 0 is the weight.
  size_t input_of(size_t output) const {
    if (output == 0) return 0;
    return output <= states.size() ? output + 1 : skip() + output - states.size();
  }
  size_t outputs() const { return 1 + states.size() + extras.size(); }
  // Of the state, for a weight of this shape.
  Shape shape_of(std::string_view state, Shape weight) const;
};

std::vector<InputSpec> step_inputs(const StepLayout& layout);
std::vector<std::string_view> step_outputs(const StepLayout& layout);
std::vector<Alias> step_aliases(const StepLayout& layout);

// The specs of the outputs. Throws unless gradient and states have the weight's shape and fit its
// dtype (an f32 weight takes gradients of reduced dtypes) and the scalars have one element.
std::vector<TensorSpec> infer_step(const InferArgs& args, const StepLayout& layout);
// Throws unless the optional state at `input` is there exactly if `wanted`.
void check_state(const InferArgs& args, const StepLayout& layout, size_t input, bool wanted,
                 std::string_view because);
void check_not_negative(const InferArgs& args, std::span<const std::string_view> attributes);
void check_fraction(const InferArgs& args, std::string_view attribute);  // in [0, 1)

kernels::StepControl step_control(const RunArgs& args, const StepLayout& layout);
// Null where output or input is absent.
void* step_data(std::span<const TensorRef> refs, size_t position);
bool step_is_f32(const KernelQuery& query);
bool step_is_of_one_dtype(const KernelQuery& query);  // the gradient has the weight's
Cost step_cost(const KernelQuery& query);

// For composite twins: scale, maximize and weight decay applied to the gradient.
Value step_gradient(std::span<const Value> in, const Attrs& attrs, const StepLayout& layout,
                    bool decay);
// lr and step in f64, of rank 0: they do not widen what they are combined with.
Value step_scalar(std::span<const Value> in, size_t position);
// The outputs, in the dtypes of their inputs; the inputs themselves where skip is not 0.
std::vector<Value> finish_step(std::span<const Value> in, const StepLayout& layout,
                               std::vector<Value> next);

// Inputs of a sample: arrays of `shape`, states positive; `with` names optional inputs to give.
std::vector<SampleInput> step_sample(const StepLayout& layout, const Shape& shape,
                                     std::initializer_list<std::string_view> with,
                                     bool skipped = false);

}  // namespace gradus
