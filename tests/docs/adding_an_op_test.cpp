// SPDX-License-Identifier: Apache-2.0
// The example of docs/adding_an_op.md. scripts/gates/check_page_code.py holds the two together.
#include <gtest/gtest.h>

#include "engine/autodiff/gradients.h"
#include "engine/base/dispatch.h"
#include "engine/base/parallel.h"
#include "engine/exec/stepwise.h"
#include "engine/graph/grad_args.h"
#include "ops/all_ops.h"
#include "ops/ops.h"
#include "ops/support.h"

namespace gradus {
namespace example {

// kernels/row_center.h
// y[r, c] = x[r, c] - mean_c x[r, c].  Requires: dense row-major (rows, cols) of f32 or f64. x and
// y may be the same memory.
struct RowCenterArgs {
  DType dtype;
  const void* x;
  void* y;
  int64_t rows, cols;
};
void row_center_cpu(const RowCenterArgs& args);

// kernels/cpu/row_center.cpp
void row_center_cpu(const RowCenterArgs& args) {
  dispatch_float(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_for(args.rows, [&](int64_t row) {
      const T* x = static_cast<const T*>(args.x) + row * args.cols;
      T* y = static_cast<T*>(args.y) + row * args.cols;
      double sum = 0;
      for (int64_t c = 0; c < args.cols; ++c) sum += x[c];
      const T mean = static_cast<T>(sum / static_cast<double>(args.cols));
      for (int64_t c = 0; c < args.cols; ++c) y[c] = x[c] - mean;
    });
  });
}

// ops/row_center.cpp
std::vector<TensorSpec> infer(const InferArgs& args) {
  GRADUS_CHECK(args.in[0].shape.rank() >= 1, "[row_center] expected at least one dim, got {}",
               to_string(args.in[0]));
  return {args.in[0]};
}

void run(const RunArgs& args) {
  const Shape& shape = args.in[0].shape;
  const int64_t cols = shape[shape.rank() - 1];
  const int64_t rows = shape.product(0, shape.rank() - 1);
  row_center_cpu({args.in[0].dtype, args.in[0].data, args.out[0].data, cols == 0 ? 0 : rows, cols});
}

// Centering is linear and symmetric: the gradient is centered too.
std::vector<Value> grad(GradArgs& args) {
  const Value dy = args.dout[0];
  return {dy - mean(dy, {-1}, true)};
}

std::vector<Sample> samples() {
  return {{.inputs = {{.shape = {3, 5}}}},
          {.inputs = {{.shape = {1}}}},
          {.inputs = {{.shape = {0, 4}}}},
          {.inputs = {{.shape = {2048, 1024}}}, .bench = true}};
}

OpDef row_center_op() {
  return {.name = "row_center",
          .doc = "the input less its mean over the last dim",
          .inputs = {{"input"}},
          .infer = infer,
          .grad = grad,
          .cpu = {{"reference", run}},
          .aliases = {{0, 0}},
          .samples = samples,
          .cost = [](const KernelQuery& query) {
            return Cost{2.0 * static_cast<double>(query.in[0].numel()), least_bytes(query)};
          }};
}

}  // namespace example

namespace {

TEST(AddingAnOp, TheExampleRunsAndDifferentiates) {
  register_all_ops();
  const OpDef op = example::row_center_op();
  Graph graph;
  const Value x = graph.input("x", DType::f64, {2, 3});
  const Value y = graph.apply(op, {x})[0];
  graph.output("y", y);
  graph.output("dx", gradients(sum(y * y), std::vector{x})[0]);
  const double values[] = {1, 2, 6, -1, 0, 4};
  TensorMap states;
  const TensorMap out =
      run_stepwise(graph, {{"x", Tensor::from<double>(DType::f64, {2, 3}, values)}}, states);
  EXPECT_EQ(out.at("y").to_doubles(), (std::vector<double>{-2, -1, 3, -2, -1, 3}));
  EXPECT_EQ(out.at("dx").to_doubles(), (std::vector<double>{-4, -2, 6, -4, -2, 6}));
}

}  // namespace
}  // namespace gradus
