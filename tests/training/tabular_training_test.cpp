// SPDX-License-Identifier: Apache-2.0
// Tables from file to score.
#include <algorithm>
#include <cmath>
#include <fstream>

#include "engine/base/error.h"
#include "engine/base/philox.h"
#include "ops/all_ops.h"
#include "tests/data/temporary_folder.h"
#include "training/data_factory.h"
#include "training/evaluation.h"
#include "training/model_factory.h"
#include "training/trainer.h"

namespace gradus {
namespace {

class TabularTrainingTest : public testing::Test {
 protected:
  TabularTrainingTest() { register_all_ops(); }

  std::string write(const std::string& name, const std::string& text) const {
    return folder_.write(name, {text.begin(), text.end()});
  }

  // y = 30 a - 20 b + 5, z = 1000 - 400 a, with a, b in [0, 1).
  std::string plane() const {
    std::string text = "a,b,y,z\n";
    for (uint64_t i = 0; i < 200; ++i) {
      const double a = static_cast<double>(uniform_float(philox_word({1, 2}, 2 * i)));
      const double b = static_cast<double>(uniform_float(philox_word({1, 2}, 2 * i + 1)));
      text += fmt::format("{},{},{},{}\n", a, b, 30 * a - 20 * b + 5, 1000 - 400 * a);
    }
    return write("plane.csv", text);
  }

  Recipe recipe(std::vector<std::string> settings) const {
    settings.insert(settings.begin(), {"data.format=csv", "model.hidden=", "batch=20", "lr=0.05"});
    return parse_recipe("", "test", settings);
  }

  TemporaryFolder folder_;
};

TEST_F(TabularTrainingTest, ALinearModelFindsAPlaneAndScoresItInTheDatasUnits) {
  const Recipe what = recipe({"data.path=" + plane(), "data.target=y,z", "data.test=0.25",
                              "data.validation=0.1", "epochs=40"});
  const std::string run = folder_.file("run");
  const TrainingResult result = train(what, run);
  EXPECT_TRUE(result.validation.numbers);
  EXPECT_GT(result.validation.r2, 0.9999);
  const Score score = evaluate_run(run);
  EXPECT_EQ(score.samples, 50);
  EXPECT_GT(score.r2, 0.9999);
  // Deviations of about 10 and 115 become errors below 1 % of that.
  EXPECT_LT(score.mae, 1);
  EXPECT_GT(score.mae, 0);
  EXPECT_LT(score.mse, 1);
  std::ifstream stream(run + "/metrics.jsonl");
  const std::string metrics{std::istreambuf_iterator<char>(stream), {}};
  EXPECT_NE(metrics.find("\"r2\":"), std::string::npos);
  EXPECT_EQ(metrics.find("accuracy"), std::string::npos);
}

// The sums over batches, the last one ragged, against the definitions over all rows.
TEST_F(TabularTrainingTest, ScoresAreThoseOfTheDefinitions) {
  const Recipe what = recipe({"data.path=" + plane(), "data.target=y,z"});
  const auto data = load_data(what, Split::train);
  ParameterTable parameters;
  StateStore states(cpu_device());
  Arena arena(cpu_device());
  Evaluation evaluation(make_model(what, *data), data, 64, {DType::f64}, parameters, states, arena);
  set_first_values(parameters, 3, states);
  const Score score = *evaluation.run();

  std::vector<int64_t> all(200);
  for (size_t i = 0; i < 200; ++i) all[i] = static_cast<int64_t>(i);
  Tensor inputs(DType::f64, {200, 2}), targets(DType::f64, {200, 2});
  data->fill(all, 0, inputs, targets);
  const auto weights = states.get(parameters.all()[0].name).to_doubles();
  const auto bias = states.get(parameters.all()[1].name).to_doubles();
  ASSERT_EQ(weights.size(), 4u);
  const std::vector<double> x = inputs.to_doubles(), y = targets.to_doubles();
  double loss = 0, mse = 0, rmse = 0, mae = 0, r2 = 0;
  for (size_t k = 0; k < 2; ++k) {
    double squared = 0, absolute = 0, mean = 0, variance = 0;
    for (size_t i = 0; i < 200; ++i) mean += y[2 * i + k] / 200;
    for (size_t i = 0; i < 200; ++i) {
      const double guess = weights[2 * k] * x[2 * i] + weights[2 * k + 1] * x[2 * i + 1] + bias[k];
      squared += (guess - y[2 * i + k]) * (guess - y[2 * i + k]);
      absolute += std::abs(guess - y[2 * i + k]);
      variance += (y[2 * i + k] - mean) * (y[2 * i + k] - mean);
    }
    const double unit = data->target_units()[k];
    loss += squared / 400;
    mse += squared * unit * unit / 400;
    rmse += std::sqrt(squared / 200) * unit / 2;
    mae += absolute * unit / 400;
    r2 += (1 - squared / variance) / 2;
  }
  EXPECT_NEAR(score.loss, loss, 1e-10 * loss);
  EXPECT_NEAR(score.mse, mse, 1e-10 * mse);
  EXPECT_NEAR(score.rmse, rmse, 1e-10 * rmse);
  EXPECT_NEAR(score.mae, mae, 1e-10 * mae);
  EXPECT_NEAR(score.r2, r2, 1e-9);
}

TEST_F(TabularTrainingTest, APlaneIsFoundByEveryLossForNumbers) {
  for (const char* loss : {"rmse", "l1", "huber", "smooth_l1"}) {
    const Recipe what = recipe({"data.path=" + plane(), "data.target=y,z", "data.test=0.25",
                                "epochs=40", std::string("loss.name=") + loss});
    const std::string run = folder_.file(loss);
    train(what, run);
    EXPECT_GT(evaluate_run(run).r2, 0.99) << loss;
  }
  EXPECT_THROW(train(recipe({"data.path=" + plane(), "data.target=y", "loss.name=focal"}),
                     folder_.file("focal")),
               Error);
}

TEST_F(TabularTrainingTest, TextTargetsAreClassified) {
  std::string text = "a,b,side\n";
  for (uint64_t i = 0; i < 200; ++i) {
    const double a = static_cast<double>(uniform_float(philox_word({3, 2}, 2 * i)));
    const double b = static_cast<double>(uniform_float(philox_word({3, 2}, 2 * i + 1)));
    text += fmt::format("{},{},{}\n", a, b, a > b ? "right" : "left");
  }
  const Recipe what = recipe({"data.path=" + write("sides.csv", text), "data.test=0.2",
                              "data.stratify=true", "epochs=200"});
  train(what, folder_.file("run"));
  EXPECT_GT(evaluate_run(folder_.file("run")).accuracy, 0.94);
}

TEST_F(TabularTrainingTest, RareClassesCountMoreUnderBalancedWeights) {
  const std::string path = write("rare.csv", "x,kind\n1,a\n2,a\n3,a\n4,b\n");
  const Recipe what = recipe({"data.path=" + path, "data.class_weights=balanced", "batch=4"});
  const auto data = load_data(what, Split::train);
  const BatchSpec spec = training_spec(what, *data, 4);
  ASSERT_EQ(spec.class_weights.size(), 2u);
  EXPECT_NEAR(spec.class_weights[0], 4.0 / 6, 1e-15);
  EXPECT_NEAR(spec.class_weights[1], 2, 1e-15);
  EXPECT_THROW(training_spec(recipe({"data.path=" + plane(), "data.class_weights=balanced"}),
                             *load_data(recipe({"data.path=" + plane()}), Split::train), 4),
               Error);
  EXPECT_NO_THROW(train(what, folder_.file("run")));
}

TEST_F(TabularTrainingTest, WorkersDoNotChangeARun) {
  const auto weights_with = [&](const std::string& workers) {
    const std::string run = folder_.file("run" + workers);
    train(recipe({"data.path=" + plane(), "data.target=y", "data.drop=z", "epochs=3",
                  "data.workers=" + workers}),
          run);
    std::ifstream stream(run + "/final.safetensors", std::ios::binary);
    return std::string{std::istreambuf_iterator<char>(stream), {}};
  };
  const std::string alone = weights_with("0");
  EXPECT_FALSE(alone.empty());
  EXPECT_TRUE(weights_with("1") == alone);
  EXPECT_TRUE(weights_with("3") == alone);
}

TEST_F(TabularTrainingTest, AModelForImagesRefusesRows) {
  const Recipe what = parse_recipe(
      "", "test", {"data.format=csv", "data.path=" + plane(), "model.name=cnn", "batch=20"});
  try {
    make_model(what, *load_data(what, Split::train));
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("takes images"), std::string::npos) << error.what();
  }
}

TEST_F(TabularTrainingTest, KeysOfRealsTakeOneOrMany) {
  const auto mean = [](const std::string& text) {
    return parse_recipe("[data]\nmean = " + text + "\n", "test").reals("data.mean");
  };
  EXPECT_EQ(mean("0.5"), (std::vector<double>{0.5}));
  EXPECT_EQ(mean("[1, 0.5, 2]"), (std::vector<double>{1, 0.5, 2}));
  EXPECT_EQ(parse_recipe("", "test", {"data.mean=0.25, 1"}).reals("data.mean"),
            (std::vector<double>{0.25, 1}));
  const Recipe written = parse_recipe("[data]\nmean = [1, 0.5]\n", "test");
  EXPECT_EQ(parse_recipe(written.to_toml(), "again").reals("data.mean"),
            (std::vector<double>{1, 0.5}));
  EXPECT_THROW(mean("[\"a\"]"), Error);
  EXPECT_THROW(parse_recipe("[data]\ndeviation = [1, 0]\n", "test"), Error);
  EXPECT_THROW(parse_recipe("", "test", {"data.mean=x"}), Error);
}

}  // namespace
}  // namespace gradus
