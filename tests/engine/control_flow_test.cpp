// SPDX-License-Identifier: Apache-2.0
#include "engine/graph/control_flow.h"

#include <gtest/gtest.h>

#include "engine/autodiff/gradients.h"
#include "engine/base/error.h"
#include "engine/exec/executable.h"
#include "engine/exec/stepwise.h"
#include "ops/all_ops.h"
#include "ops/ops.h"

namespace gradus {
namespace {

class ControlFlow : public ::testing::Test {
 protected:
  void SetUp() override { register_all_ops(); }

  std::vector<double> run(const Graph& graph, const TensorMap& inputs,
                          std::string_view output = "y") {
    TensorMap states;
    return run_stepwise(graph, inputs, states).find(output)->second.to_doubles();
  }
};

BodyPtr scale_body(double factor) {
  auto body = std::make_shared<Graph>();
  body->output("y", body->input("x", DType::f64, {2}) * factor);
  return body;
}

TEST_F(ControlFlow, IfTakesOneBranch) {
  Graph graph;
  const Value x = graph.input("x", DType::f64, {2});
  graph.output("y", if_else(sum(x) > 0.0, {x}, scale_body(10), scale_body(-1))[0]);
  check_spec(graph);
  EXPECT_EQ(run(graph, {{"x", Tensor::full(DType::f64, {2}, 3)}}), (std::vector<double>{30, 30}));
  EXPECT_EQ(run(graph, {{"x", Tensor::full(DType::f64, {2}, -3)}}), (std::vector<double>{3, 3}));
}

// Doubles until the value passes a limit, at most `trips` times.
TEST_F(ControlFlow, LoopEndsByConditionOrCount) {
  auto body = std::make_shared<Graph>();
  (void)body->input("i", DType::i64, {});
  const Value v = body->input("v", DType::f64, {}), limit = body->input("limit", DType::f64, {});
  const Value next = v * 2.0;
  body->output("go_on", lt(next, limit));
  body->output("v", next);
  Graph graph;
  const Value trips = graph.input("trips", DType::i64, {}), start = graph.scalar(1.0, DType::f64);
  const Value top = graph.input("top", DType::f64, {});
  graph.output("y", loop(trips, graph.scalar(1, DType::bool_), {start}, {top}, body)[0]);
  const auto result = [&](double trip_count, double limit_value) {
    return run(graph, {{"trips", Tensor::full(DType::i64, {}, trip_count)},
                       {"top", Tensor::full(DType::f64, {}, limit_value)}})[0];
  };
  EXPECT_EQ(result(100, 50), 64);
  EXPECT_EQ(result(3, 50), 8);
  EXPECT_EQ(result(0, 50), 1);
}

// Running sums of the rows, times a captured factor.
TEST_F(ControlFlow, ScanCarriesAndStacks) {
  auto body = std::make_shared<Graph>();
  const Value total = body->input("total", DType::f64, {2}),
              row = body->input("row", DType::f64, {2});
  const Value factor = body->input("factor", DType::f64, {});
  body->output("total", total + row);
  body->output("scaled", (total + row) * factor);
  Graph graph;
  const Value x = graph.input("x", DType::f64, {3, 2});
  const std::vector<Value> out =
      scan({graph.full({2}, 0, DType::f64)}, {x}, {graph.scalar(10, DType::f64)}, body);
  graph.output("y", out[0]);
  graph.output("rows", out[1]);
  const double values[] = {1, 2, 3, 4, 5, 6};
  const TensorMap inputs{{"x", Tensor::from<double>(DType::f64, {3, 2}, values)}};
  EXPECT_EQ(run(graph, inputs), (std::vector<double>{9, 12}));
  EXPECT_EQ(run(graph, inputs, "rows"), (std::vector<double>{10, 20, 40, 60, 90, 120}));
}

TEST_F(ControlFlow, RefusesWhatDoesNotFit) {
  Graph graph;
  const Value x = graph.input("x", DType::f64, {2}), wide = graph.input("wide", DType::f64, {3});
  EXPECT_THROW(if_else(x, {x}, scale_body(1), scale_body(2)), Error);  // the condition is no bool
  EXPECT_THROW(if_else(sum(x) > 0.0, {wide}, scale_body(1), scale_body(2)),
               Error);  // another shape than the body's
  EXPECT_THROW(if_else(sum(x) > 0.0, {}, scale_body(1), scale_body(2)), Error);
  const Value y = if_else(sum(x) > 0.0, {x}, scale_body(1), scale_body(2))[0];
  EXPECT_THROW(gradients(y, std::vector{x}), Error);
}

TEST_F(ControlFlow, APlanRefusesIt) {
  auto graph = std::make_shared<Graph>();
  const Value x = graph->input("x", DType::f64, {2});
  graph->output("y", if_else(sum(x) > 0.0, {x}, scale_body(1), scale_body(2))[0]);
  StateStore states(cpu_device());
  Arena arena(cpu_device());
  EXPECT_THROW(Executable(graph, states, arena), Error);
}

}  // namespace
}  // namespace gradus
