// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "engine/op/tensor_spec.h"
#include "models/layers/initialiser.h"

namespace gradus {

enum class ParameterRole {
  weight,     // trained
  buffer,     // updated by the model itself: running statistics
  optimizer,  // an optimizer's memory: moments, momentum, gradients being added up
  average,    // of a weight or buffer over steps
};

// A tensor that outlives steps, as a layer or optimizer declares it.
struct Parameter {
  std::string name;  // path of the layer, then its own name: "layer1.conv.weight"
  TensorSpec spec;
  Initialiser init;
  ParameterRole role = ParameterRole::weight;
  bool decay = false;  // whether weight decay applies: weights of rank 2 and more
};

// The parameters of a model in the order in which its layers declare them.
class ParameterTable {
 public:
  // Adds, or does nothing where the same is known already (the training and the evaluation graph
  // both declare the model). Throws where a name is known with another shape, dtype or role.
  void add(const Parameter& parameter);

  const Parameter* find(std::string_view name) const;  // null where unknown
  const std::deque<Parameter>& all() const { return parameters_; }
  // Elements of all tensors of a role.
  int64_t count(ParameterRole role) const;
  int64_t bytes(ParameterRole role) const;

 private:
  std::deque<Parameter> parameters_;
};

}  // namespace gradus
