// SPDX-License-Identifier: Apache-2.0
// A program of its own that uses the installed library: the gradient of x * y + sin(x).
#include <cstdio>
#include <vector>

#include "engine/autodiff/gradients.h"
#include "engine/exec/stepwise.h"
#include "engine/graph/graph.h"
#include "ops/all_ops.h"
#include "ops/ops.h"

int main() {
  using namespace gradus;
  register_all_ops();

  Graph graph;
  const Value x = graph.input("x", DType::f64, {});
  const Value y = graph.input("y", DType::f64, {});
  const Value f = x * y + sin(x);
  const std::vector<Value> slopes = gradients(f, std::vector{x, y});
  graph.output("f", f);
  graph.output("df/dx", slopes[0]);  // y + cos(x)
  graph.output("df/dy", slopes[1]);  // x

  const TensorMap inputs{{"x", Tensor::full(DType::f64, {}, 2)},
                         {"y", Tensor::full(DType::f64, {}, 3)}};
  TensorMap states;
  for (const auto& [name, tensor] : run_stepwise(graph, inputs, states)) {
    std::printf("%s = %.9f\n", name.c_str(), tensor.item());
  }
}
