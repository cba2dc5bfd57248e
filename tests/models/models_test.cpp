// SPDX-License-Identifier: Apache-2.0
#include <map>

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/exec/stepwise.h"
#include "models/cnn.h"
#include "models/gpt.h"
#include "models/lstm_lm.h"
#include "models/mlp.h"
#include "models/resnet.h"
#include "ops/all_ops.h"
#include "ops/ops.h"

namespace gradus {
namespace {

class ModelsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { register_all_ops(); }

  // Trained numbers, after a check of the logits' shape.
  template <class Sizes>
  int64_t parameters(const Sizes& sizes, DType input, const Shape& shape, const Shape& logits) {
    Graph graph;
    table_ = {};
    Place place{graph, table_, DType::f32, true};
    const Value result = sizes.build(place, graph.input("input", input, shape));
    EXPECT_EQ(result.shape(), logits) << to_string(result.shape());
    return table_.count(ParameterRole::weight);
  }

  template <class Sizes>
  int64_t image_parameters(const Sizes& sizes, const Shape& shape) {
    return parameters(sizes, DType::f32, shape, {shape[0], sizes.classes});
  }

  template <class Sizes>
  int64_t text_parameters(const Sizes& sizes) {
    return parameters(sizes, DType::i64, {2, 8}, {2, 8, sizes.vocabulary});
  }

  ParameterTable table_;
};

TEST_F(ModelsTest, MlpCountsWeightsAndBiases) {
  EXPECT_EQ(image_parameters(Mlp{.hidden = {64}}, {3, 64}), 4096 + 64 + 640 + 10);
  EXPECT_EQ(image_parameters(Mlp{.hidden = {}}, {3, 1, 8, 8}), 640 + 10);
}

TEST_F(ModelsTest, CnnHasTheSizesOfItsBlocks) {
  const int64_t convolutions = 32 * 9 + 64 * 32 * 9, norms = 2 * (32 + 64);
  const int64_t linear = 3136 * 128 + 128 + 128 * 10 + 10;
  EXPECT_EQ(image_parameters(Cnn{}, {2, 1, 28, 28}), convolutions + norms + linear);
  EXPECT_EQ(table_.count(ParameterRole::buffer), norms);
}

TEST_F(ModelsTest, ResnetsHaveTheirPublishedSizes) {
  EXPECT_EQ(image_parameters(Resnet{.depth = 20}, {2, 3, 32, 32}), 272'474);
  EXPECT_EQ(image_parameters(Resnet{.depth = 18, .classes = 1000}, {2, 3, 64, 64}), 11'689'512);
  EXPECT_EQ(image_parameters(Resnet{.depth = 34, .classes = 1000}, {2, 3, 64, 64}), 21'797'672);
  EXPECT_EQ(image_parameters(Resnet{.depth = 50, .classes = 1000}, {2, 3, 64, 64}), 25'557'032);
  EXPECT_EQ(image_parameters(Resnet{.depth = 18, .small_stem = true}, {2, 3, 32, 32}), 11'173'962);
  EXPECT_THROW(image_parameters(Resnet{.depth = 19}, {2, 3, 32, 32}), Error);
}

TEST_F(ModelsTest, GptsHaveTheirPublishedSizes) {
  EXPECT_EQ(text_parameters(Gpt::named("gpt2")), 124'439'808);
  EXPECT_EQ(text_parameters(Gpt::named("gpt2_medium")), 354'823'168);
  EXPECT_EQ(text_parameters(Gpt::named("gpt2_large")), 774'030'080);
  EXPECT_EQ(text_parameters(Gpt::named("gpt2_xl")), 1'557'611'200);
  EXPECT_THROW(Gpt::named("gpt2_huge"), Error);
}

TEST_F(ModelsTest, LstmHasFourGatesAndTwoBiases) {
  const int64_t layer = 4 * 256 * (256 + 256) + 2 * 4 * 256;
  EXPECT_EQ(text_parameters(LstmLm{}), 256 * 256 + layer + 256 * 256 + 256);
}

TEST_F(ModelsTest, WeightsOfRankTwoDecayAndVectorsDoNot) {
  text_parameters(Gpt{.vocabulary = 16, .context = 8, .layers = 1, .heads = 2, .width = 4});
  for (const Parameter& parameter : table_.all())
    EXPECT_EQ(parameter.decay, parameter.spec.shape.rank() >= 2) << parameter.name;
  EXPECT_NE(table_.find("h.0.attn.c_attn.weight"), nullptr);
  EXPECT_NE(table_.find("h.0.mlp.c_proj.bias"), nullptr);
}

TEST_F(ModelsTest, RefusesSequencesBeyondTheContextAndHeadsThatDoNotDivide) {
  const Gpt small = {.vocabulary = 16, .context = 4, .layers = 1, .heads = 2, .width = 4};
  EXPECT_THROW(text_parameters(small), Error);
  EXPECT_THROW(text_parameters(Gpt{.vocabulary = 16, .layers = 1, .heads = 3, .width = 4}), Error);
}

// The mean of 10,000 rows that are dropped out each by itself, against the model outside of
// training, for the same weights.
TEST(Dropout, BothFormsHaveTheMeanOfTheirEvaluation) {
  register_all_ops();
  constexpr int64_t rows = 10000, width = 16;
  std::map<bool, std::vector<double>> evaluated;
  for (const bool classic : {false, true}) {
    const Mlp model{.hidden = {width}, .classes = 3, .dropout = 0.3, .classic = classic};
    const auto outputs = [&](bool training) {
      Graph graph;
      ParameterTable parameters;
      Place place{graph, parameters, DType::f64, training};
      const Value x = expand(graph.constant(Tensor::full(DType::f64, {1, 4}, 0.5)), {rows, 4});
      graph.output("mean", mean(model.build(place, x), {0}));
      TensorMap states;
      for (const Parameter& parameter : parameters.all()) {
        states[parameter.name] = Tensor(parameter.spec.dtype, parameter.spec.shape);
        initialise(states[parameter.name], Initialiser::uniform(0.1, 1), 7, parameter.name);
      }
      return run_stepwise(graph, {}, states, {.rng = {5, 1, 0}}).at("mean").to_doubles();
    };
    const std::vector<double> trained = outputs(true);
    evaluated[classic] = outputs(false);
    for (size_t i = 0; i < trained.size(); ++i) {
      EXPECT_NEAR(trained[i] / evaluated[classic][i], 1, 0.01) << classic;
      EXPECT_NE(trained[i], evaluated[classic][i]);
    }
  }
  // The classic form evaluates a smaller net for the same weights.
  for (size_t i = 0; i < evaluated[true].size(); ++i)
    EXPECT_LT(evaluated[true][i], evaluated[false][i]);
}

}  // namespace
}  // namespace gradus
