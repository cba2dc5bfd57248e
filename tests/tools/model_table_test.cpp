// SPDX-License-Identifier: Apache-2.0
#include "tools/model_table.h"

#include <gtest/gtest.h>

#include "models/cnn.h"
#include "models/gpt.h"
#include "models/lstm_lm.h"
#include "ops/all_ops.h"

namespace gradus {
namespace {

class ModelTableTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { register_all_ops(); }

  template <class Sizes>
  std::vector<LayerRow> layers(const Sizes& sizes, DType dtype, const Shape& input,
                               int64_t depth = 0) {
    Graph graph;
    parameters_ = {};
    Place place{graph, parameters_, DType::f32, false};
    (void)sizes.build(place, graph.input("input", dtype, input));
    return model_layers(graph, parameters_, depth);
  }

  // Every parameter is in exactly one row.
  void expect_whole(const std::vector<LayerRow>& rows) const {
    int64_t weights = 0, buffers = 0;
    for (const LayerRow& row : rows) weights += row.parameters, buffers += row.buffers;
    EXPECT_EQ(weights, parameters_.count(ParameterRole::weight));
    EXPECT_EQ(buffers, parameters_.count(ParameterRole::buffer));
  }

  ParameterTable parameters_;
};

TEST_F(ModelTableTest, AConvolutionalNetworkLayerByLayer) {
  const std::vector<LayerRow> rows = layers(Cnn{}, DType::f32, {1, 1, 28, 28});
  expect_whole(rows);
  ASSERT_GE(rows.size(), 6u);
  EXPECT_EQ(rows[0].layer, "block1.conv");
  EXPECT_EQ(rows[0].output, (Shape{1, 32, 28, 28}));
  EXPECT_EQ(rows[0].parameters, 32 * 9);
  EXPECT_EQ(rows[0].flops, 2.0 * 32 * 9 * 28 * 28);
  EXPECT_EQ(rows[1].layer, "block1.norm");
  EXPECT_EQ(rows[1].buffers, 2 * 32);
  EXPECT_EQ(rows.back().output, (Shape{1, 10}));
}

TEST_F(ModelTableTest, ALayersOutputIsWhatOthersRead) {
  const LstmLm model{.vocabulary = 11, .width = 4, .hidden = 6};
  const std::vector<LayerRow> rows = layers(model, DType::i64, {1, 8});
  expect_whole(rows);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[1].layer, "lstm");
  EXPECT_EQ(rows[1].output, (Shape{1, 8, 6}));
  EXPECT_GT(rows[1].flops, 2.0 * 8 * 4 * 6 * (4 + 6) - 1);
}

TEST_F(ModelTableTest, DepthJoinsLayers) {
  const Gpt model{.vocabulary = 11, .context = 8, .layers = 3, .heads = 2, .width = 4};
  const std::vector<LayerRow> rows = layers(model, DType::i64, {1, 8}, 2);
  expect_whole(rows);
  std::vector<std::string> names;
  for (const LayerRow& row : rows) names.push_back(row.layer);
  EXPECT_EQ(names, (std::vector<std::string>{"wte", "wpe", "", "h.0", "h.1", "h.2", "ln_f", ""}));
  EXPECT_EQ(rows.back().output, (Shape{1, 8, 11}));
}

}  // namespace
}  // namespace gradus
