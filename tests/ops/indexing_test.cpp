// SPDX-License-Identifier: Apache-2.0
// What the generic test cannot know of ops that move elements: values by hand and messages.
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/exec/stepwise.h"
#include "engine/op/registry.h"
#include "ops/all_ops.h"
#include "ops/ops.h"

namespace gradus {
namespace {

Tensor floats(const Shape& shape, const std::vector<double>& values) {
  return Tensor::from<double>(DType::f64, shape, std::span<const double>(values));
}

Tensor indices(const Shape& shape, const std::vector<int64_t>& values) {
  return Tensor::from<int64_t>(DType::i64, shape, std::span<const int64_t>(values));
}

std::vector<Tensor> run(std::string_view op, const std::vector<Tensor>& inputs,
                        const AttrList& attrs) {
  register_all_ops();
  Graph graph;
  std::vector<Value> values;
  TensorMap named, states;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string name = std::to_string(i);
    values.push_back(inputs[i] ? graph.input(name, inputs[i].dtype(), inputs[i].shape()) : Value());
    if (inputs[i]) named[name] = inputs[i];
  }
  const std::vector<Value> outputs = graph.apply(get_op(op), values, attrs);
  for (size_t i = 0; i < outputs.size(); ++i) graph.output(std::to_string(i), outputs[i]);
  const TensorMap results = run_stepwise(graph, named, states);
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < outputs.size(); ++i) tensors.push_back(results.at(std::to_string(i)));
  return tensors;
}

std::vector<double> values(std::string_view op, const std::vector<Tensor>& inputs,
                           const AttrList& attrs) {
  return run(op, inputs, attrs)[0].to_doubles();
}

// The error of a call that must fail.
Error failure(std::string_view op, const std::vector<Tensor>& inputs, const AttrList& attrs) {
  try {
    run(op, inputs, attrs);
  } catch (const Error& error) {
    return error;
  }
  return {ErrorKind::internal, "no error"};
}

void expect_failure(std::string_view op, const std::vector<Tensor>& inputs, const AttrList& attrs,
                    ErrorKind kind, std::string_view text) {
  const Error error = failure(op, inputs, attrs);
  EXPECT_EQ(error.kind(), kind) << error.what();
  EXPECT_NE(std::string_view(error.what()).find(text), std::string_view::npos) << error.what();
}

using List = std::vector<double>;

TEST(Indexing, one_hot_vectors_by_hand) {
  EXPECT_EQ(values("one_hot", {indices({4}, {0, 1, 2, 3})}, {{"num_classes", 4}}),
            (List{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}));
}

TEST(Indexing, one_index_out_of_range_is_named) {
  const Tensor x = floats({2, 2}, {1, 2, 3, 4});
  const auto bad = ErrorKind::bad_data;
  expect_failure("embedding", {indices({3}, {0, 2, 1}), x}, {}, bad,
                 "[embedding] index at position 1, expected 0 to 1, got 2");
  expect_failure("one_hot", {indices({2}, {0, 5})}, {{"num_classes", 3}}, bad,
                 "[one_hot] index at position 1, expected 0 to 2, got 5");
  expect_failure("gather", {x, indices({1, 2}, {0, -1})}, {{"dim", 0}}, bad, "got -1");
  expect_failure("scatter_add", {x, indices({1, 2}, {0, 2}), x}, {{"dim", 0}}, bad, "got 2");
  expect_failure("scatter", {x, indices({1, 2}, {0, 2}), x}, {{"dim", 1}}, bad, "got 2");
  expect_failure("index_select", {x, indices({1}, {INT64_MAX})}, {{"dim", 0}}, bad,
                 "[index_select]");
  expect_failure("index_add", {x, indices({1}, {-5}), floats({1, 2}, {1, 1})}, {{"dim", 0}}, bad,
                 "[index_add]");
  expect_failure("embedding_backward", {x, indices({2}, {0, 3})}, {{"num_weights", 3}}, bad,
                 "[embedding_backward]");
}

TEST(Indexing, embedding_equals_one_hot_times_matrix) {
  const Tensor weight = floats({3, 2}, {0.5, -1, 2, 0.25, 7, 8}),
               index = indices({4}, {2, 0, 2, 1});
  const Tensor one_hot = run("one_hot", {index}, {{"num_classes", 3}})[0].cast(DType::f64);
  EXPECT_EQ(values("embedding", {index, weight}, {}), values("matmul", {one_hot, weight}, {}));
}

TEST(Indexing, repeated_indices_add_up_and_padding_gets_nothing) {
  const Tensor dy = floats({4, 2}, {1, 2, 3, 4, 5, 6, 7, 8}), index = indices({4}, {2, 0, 2, 1});
  EXPECT_EQ(values("embedding_backward", {dy, index}, {{"num_weights", 4}}),
            (List{3, 4, 7, 8, 6, 8, 0, 0}));
  EXPECT_EQ(values("embedding_backward", {dy, index}, {{"num_weights", 4}, {"padding_idx", -2}}),
            (List{3, 4, 7, 8, 0, 0, 0, 0}));
}

TEST(Indexing, the_last_of_several_wins_in_scatter) {
  EXPECT_EQ(values("scatter",
                   {floats({3}, {9, 9, 9}), indices({4}, {1, 0, 1, 1}), floats({4}, {1, 2, 3, 4})},
                   {{"dim", 0}}),
            (List{2, 4, 9}));
}

TEST(Indexing, pad_modes_by_hand) {
  const Tensor x = floats({3}, {1, 2, 3});
  const auto pad = [&](const char* mode) {
    return values("pad", {x}, {{"pad", AttrValue::Integers{2, 1}}, {"mode", mode}});
  };
  EXPECT_EQ(pad("constant"), (List{0, 0, 1, 2, 3, 0}));
  EXPECT_EQ(pad("reflect"), (List{3, 2, 1, 2, 3, 2}));
  EXPECT_EQ(pad("replicate"), (List{1, 1, 1, 2, 3, 3}));
  EXPECT_EQ(pad("circular"), (List{2, 3, 1, 2, 3, 1}));
}

TEST(Indexing, pads_that_reach_too_far_are_refused) {
  const Tensor x = floats({3}, {1, 2, 3});
  const auto by = [](int64_t before, int64_t after, const char* mode) {
    return AttrList{{"pad", AttrValue::Integers{before, after}}, {"mode", mode}};
  };
  const auto bad = ErrorKind::invalid_argument;
  expect_failure("pad", {x}, by(3, 0, "reflect"), bad, "cannot pad dim 0 of 3 elements by 3");
  expect_failure("pad", {x}, by(4, 0, "circular"), bad, "circular");
  expect_failure("pad", {x}, by(-4, 4, "constant"), bad, "-4");
  expect_failure("pad", {x}, by(INT64_MAX, INT64_MAX, "constant"), bad, "dim 0");
  expect_failure("pad", {x}, by(1, 1, "wrap"), bad, "'wrap'");
  expect_failure("pad", {floats({0}, {})}, by(1, 0, "replicate"), bad, "replicate");
}

TEST(Indexing, cat_and_split_name_what_does_not_fit) {
  const Tensor a = floats({2, 2}, {1, 2, 3, 4}), b = floats({1, 3}, {1, 2, 3});
  const auto bad = ErrorKind::invalid_argument;
  expect_failure("cat", {a, b}, {}, bad, "[cat] input 1 dim 1, expected 2, got 3");
  expect_failure("split", {a}, {{"split_size_or_sections", AttrValue::Integers{1, 2}}}, bad,
                 "expected a sum of 2, got 3");
  expect_failure("split", {a}, {{"split_size_or_sections", 0}}, bad, "at least 1");
  expect_failure("split", {a}, {{"split_size_or_sections", -1}}, bad, "at least 0");
}

TEST(Indexing, moved_values_by_hand) {
  const Tensor x = floats({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(values("flip", {x}, {{"dims", 1}}), (List{3, 2, 1, 6, 5, 4}));
  EXPECT_EQ(values("roll", {x}, {{"shifts", 1}}), (List{6, 1, 2, 3, 4, 5}));
  EXPECT_EQ(values("roll", {x}, {{"shifts", 1}, {"dims", 1}}), (List{3, 1, 2, 6, 4, 5}));
  EXPECT_EQ(values("tril", {x}, {}), (List{1, 0, 0, 4, 5, 0}));
  EXPECT_EQ(values("triu", {x}, {{"diagonal", 1}}), (List{0, 2, 3, 0, 0, 6}));
  EXPECT_EQ(values("tile", {floats({2}, {1, 2})}, {{"dims", AttrValue::Integers{2, 2}}}),
            (List{1, 2, 1, 2, 1, 2, 1, 2}));
  EXPECT_EQ(values("slice", {x}, {{"dim", 1}, {"start", -2}, {"step", 2}}), (List{2, 5}));
  EXPECT_EQ(values("arange", {}, {{"start", 1}, {"end", 2.5}, {"step", 0.5}}), (List{1, 1.5, 2}));
}

}  // namespace
}  // namespace gradus
