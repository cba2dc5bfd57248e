// SPDX-License-Identifier: Apache-2.0
// Calls of one op for tests: through a graph, with gradients, and of one kernel variant.
#pragma once

#include <string>
#include <vector>

#include "engine/autodiff/gradients.h"
#include "engine/base/error.h"
#include "engine/base/philox.h"
#include "engine/exec/stepwise.h"
#include "engine/op/registry.h"
#include "ops/all_ops.h"

namespace gradus {

inline Tensor doubles(const Shape& shape, const std::vector<double>& values) {
  return Tensor::from<double>(DType::f64, shape, std::span<const double>(values));
}

inline Tensor whole(const Shape& shape, const std::vector<int64_t>& values) {
  return Tensor::from<int64_t>(DType::i64, shape, std::span<const int64_t>(values));
}

// Numbers in [lo, hi), the same for the same seed.
inline Tensor random_tensor(DType dtype, const Shape& shape, uint64_t seed, double lo = -1,
                            double hi = 1) {
  const PhiloxKey key = philox_key({.seed = seed}, 1);
  std::vector<double> values(static_cast<size_t>(shape.numel()));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = lo + (hi - lo) * static_cast<double>(uniform_float(philox_word(key, i)));
  return doubles(shape, values).cast(dtype);
}

struct Called {
  std::vector<Tensor> outputs, gradients;  // gradients of sum(output 0 * seed), empty without seed
};

// The op's outputs; with `seed`, the gradients with respect to the floating inputs too (an empty
// Tensor where there is none).
inline Called call(std::string_view op, const std::vector<Tensor>& inputs,
                   const AttrList& attrs = {}, const Tensor& seed = {}) {
  register_all_ops();
  Graph graph;
  std::vector<Value> values, wanted;
  TensorMap named, states;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string name = "in" + std::to_string(i);
    values.push_back(inputs[i] ? graph.input(name, inputs[i].dtype(), inputs[i].shape()) : Value());
    if (inputs[i]) named[name] = inputs[i];
    if (inputs[i] && is_floating(inputs[i].dtype())) wanted.push_back(values.back());
  }
  const std::vector<Value> outputs = graph.apply(get_op(op), values, attrs);
  for (size_t i = 0; i < outputs.size(); ++i) graph.output("out" + std::to_string(i), outputs[i]);
  std::vector<Value> found;
  if (seed) {
    named["seed"] = seed;
    found = gradients(outputs[0], wanted, graph.input("seed", seed.dtype(), seed.shape()));
    for (size_t i = 0; i < found.size(); ++i)
      if (found[i]) graph.output("grad" + std::to_string(i), found[i]);
  }
  const TensorMap results = run_stepwise(graph, named, states);
  Called called;
  for (size_t i = 0; i < outputs.size(); ++i)
    called.outputs.push_back(results.at("out" + std::to_string(i)));
  for (size_t i = 0; i < found.size(); ++i)
    called.gradients.push_back(found[i] ? results.at("grad" + std::to_string(i)) : Tensor());
  return called;
}

// The message of a call that must fail.
inline std::string failure_of(std::string_view op, const std::vector<Tensor>& inputs,
                              const AttrList& attrs = {}) {
  try {
    call(op, inputs, attrs);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// The names of the CPU variants that take these inputs.
inline std::vector<std::string> variants_of(std::string_view op, const std::vector<Tensor>& inputs,
                                            const AttrList& attrs = {}) {
  register_all_ops();
  const OpDef& def = get_op(op);
  const Attrs checked(def.name, def.attributes, attrs);
  std::vector<TensorSpec> specs;
  for (const Tensor& input : inputs)
    specs.push_back(input ? TensorSpec{input.dtype(), input.shape()} : TensorSpec::absent());
  const std::vector<TensorSpec> out = def.infer({def.name, specs, checked});
  std::vector<std::string> names;
  for (const KernelVariant& row : def.cpu)
    if (!row.usable || row.usable({specs, out, checked, cpu_device().info()}))
      names.emplace_back(row.name);
  return names;
}

inline std::vector<Tensor> call_variant(std::string_view op, std::vector<Tensor> inputs,
                                        const AttrList& attrs, std::string_view variant) {
  const OpDef& def = get_op(op);
  inputs.resize(def.inputs.size());
  return run_op(def, Attrs(def.name, def.attributes, attrs), inputs, {}, variant);
}

}  // namespace gradus
