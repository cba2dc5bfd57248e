// SPDX-License-Identifier: Apache-2.0
// What a session promises whatever happens to its numbers: the same bits every time, updates that
// are left out for good, the name of what went wrong first, a range test.
#include "training/session.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>

#include "engine/io/content_hash.h"
#include "tests/training/training_test.h"
#include "training/lr_range_test.h"

namespace gradus {
namespace {

using Settings = std::vector<std::string>;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

class SessionTest : public TrainingTest {
 protected:
  SessionTest() {
    std::string text;
    for (uint32_t i = 0; i < 3000; ++i)
      text += static_cast<char>('a' + philox_word({7, 7}, i) % 4 + i % 3);
    std::ofstream(folder_.file("train.txt")) << text;
    std::ofstream(folder_.file("val.txt")) << text.substr(0, 300);
  }

  Recipe text_recipe(Settings settings) const {
    settings.insert(settings.begin(), {"data.format=text", "data.length=12", "batch=8",
                                       "data.path=" + folder_.path()});
    return parse_recipe("", "test", settings);
  }

  // Of all states after each step.
  static std::vector<std::string> hashes(const Recipe& recipe, int threads) {
    set_thread_count(threads);
    TrainingSession session(recipe);
    std::vector<std::string> all;
    for (int64_t step = 1; step <= session.steps(); ++step) {
      session.run_step(step);
      ContentHash hash;
      for (const auto& [name, state] : session.states().all())
        hash.add({state.data_as<char>(), static_cast<size_t>(state.bytes())});
      all.push_back(hash.hex());
    }
    return all;
  }

  // The same states after every step: again, and with two threads.
  static void expect_repeats(const Recipe& recipe) {
    const std::vector<std::string> first = hashes(recipe, 1);
    ASSERT_EQ(first.size(), 200u);
    EXPECT_NE(first[198], first[199]);
    for (const int threads : {1, 2}) {
      const std::vector<std::string> again = hashes(recipe, threads);
      const auto differ = std::ranges::mismatch(first, again).in1;
      EXPECT_TRUE(differ == first.end())
          << threads << " threads: another state after step " << differ - first.begin() + 1;
    }
  }
};

TEST_F(SessionTest, TwoHundredStepsOfAnMlpAreTheSameBitsEveryTime) {
  expect_repeats(recipe({"steps=200", "model.dropout=0.3", "accumulate=2", "data.workers=2",
                         "average.name=ema", "data.augment.shift=1"}));
}

TEST_F(SessionTest, TwoHundredStepsOfACnnAreTheSameBitsEveryTime) {
  expect_repeats(recipe({"steps=200", "model.name=cnn", "model.channels=4,8", "clip=1",
                         "optimizer.name=momentum", "mix.mixup=0.2"}));
}

TEST_F(SessionTest, TwoHundredStepsOfAnLstmAreTheSameBitsEveryTime) {
  expect_repeats(text_recipe({"steps=200", "model.name=lstm", "model.width=8", "model.cells=12"}));
}

TEST_F(SessionTest, TwoHundredStepsOfAGptAreTheSameBitsEveryTime) {
  expect_repeats(text_recipe({"steps=200", "model.name=gpt", "model.width=16", "model.layers=2",
                              "model.heads=2", "model.dropout=0.1"}));
}

// Training images of which those of some batches are changed as they are handed out.
class Poisoned : public Dataset {
 public:
  Poisoned(std::shared_ptr<const Dataset> data, std::map<int64_t, double> factors)
      : data_(std::move(data)), factors_(std::move(factors)) {}

  int64_t size() const override { return data_->size(); }
  Shape sample_shape() const override { return data_->sample_shape(); }
  Shape target_shape() const override { return data_->target_shape(); }
  bool input_is_index() const override { return data_->input_is_index(); }
  int64_t classes() const override { return data_->classes(); }
  std::span<const int64_t> labels() const override { return data_->labels(); }
  void fill(std::span<const int64_t> indices, int64_t first, Tensor& inputs,
            Tensor& targets) const override {
    data_->fill(indices, first, inputs, targets);
    const auto found = factors_.find(++batches_);
    if (found == factors_.end()) return;
    for (int64_t i = 0; i < inputs.numel(); ++i)
      inputs.data_as<float>()[i] *= static_cast<float>(found->second);
  }

 private:
  std::shared_ptr<const Dataset> data_;
  std::map<int64_t, double> factors_;  // of the n-th batch, from 1
  mutable int64_t batches_ = 0;
};

int64_t recipe_parts(const Recipe& recipe) { return recipe.integer("accumulate"); }

// Three lost updates in 200: the others are made, none more is skipped, and the end is that of an
// undisturbed run.
TEST_F(SessionTest, LostStepsAreLeftOutAndNothingElse) {
  for (const char* parts : {"accumulate=1", "accumulate=2"}) {
    const Recipe what =
        recipe({"steps=200", "guard.policy=skip", "guard.spike=30", "guard.window=32", parts,
                "optimizer.name=momentum", "lr=0.02", "loss.label_smoothing=0.2"});
    const TrainingData data = load_training_data(what);
    const int64_t per_step = recipe_parts(what);
    const auto poison = std::make_shared<Poisoned>(
        data.train, std::map<int64_t, double>{
                        {100 * per_step, nan}, {130 * per_step, inf}, {160 * per_step, -1000}});
    TrainingSession clean(what, data), session(what, {poison, nullptr});
    double ours = 0, undisturbed = 0;  // of the last steps
    int64_t skipped = 0;
    for (int64_t step = 1; step <= 200; ++step) {
      const double loss = session.run_step(step), clean_loss = clean.run_step(step);
      if (step > 180) ours += loss / 20;
      if (step > 180) undisturbed += clean_loss / 20;
      const bool skips = session.control().skipped() > skipped;
      skipped = session.control().skipped();
      EXPECT_EQ(skips, step == 100 || step == 130 || step == 160) << parts << " " << step;
    }
    EXPECT_EQ(skipped, 3);
    EXPECT_EQ(clean.control().skipped(), 0) << parts;
    EXPECT_NE(ours, undisturbed);
    EXPECT_NEAR(ours, undisturbed, 0.001 * undisturbed) << parts;
  }
}

std::string message_of(TrainingSession& session, int64_t steps) {
  try {
    for (int64_t step = 1; step <= steps; ++step) session.run_step(step);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::not_finite);
    return error.what();
  }
  return "";
}

TEST_F(SessionTest, StepwiseNamesWhatWasNotFiniteFirst) {
  const Recipe what = recipe({"steps=20", "model.name=cnn", "model.channels=4"});
  const TrainingData data = load_training_data(what);
  const auto contains = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  const auto poison = std::make_shared<Poisoned>(data.train, std::map<int64_t, double>{{3, nan}});
  TrainingSession from_data(what, {poison, nullptr}, true);
  contains(message_of(from_data, 20), "step 3: the input 'input' was already nan at element ");
  TrainingSession from_weight(what, data, true);
  from_weight.states().get("fc1.weight").data_as<float>()[5] = static_cast<float>(inf);
  contains(message_of(from_weight, 20),
           "step 1: the state 'fc1.weight' was already inf at element "
           "5 of f32 (16, 64)");
  // Finite weights whose product is not.
  TrainingSession overflow(recipe({"steps=20", "accumulate=2"}), data, true);
  Tensor weight = overflow.states().get("fc1.weight");
  for (int64_t i = 0; i < weight.numel(); ++i) weight.data_as<float>()[i] = 3e38f;
  contains(message_of(overflow, 20),
           "step 1, part 1 of 2: the node 'fc1.linear' (linear) made inf");
  TrainingSession healthy(what, data, true);
  EXPECT_EQ(message_of(healthy, 20), "");
}

// Node by node it is the same training, to rounding.
TEST_F(SessionTest, StepwiseIsTheSameTraining) {
  const Recipe what = recipe({"steps=10", "model.name=cnn", "model.channels=4", "precision=f64"});
  const TrainingData data = load_training_data(what);
  TrainingSession planned(what, data), stepwise(what, data, true);
  for (int64_t step = 1; step <= 10; ++step)
    EXPECT_NEAR(planned.run_step(step), stepwise.run_step(step), 1e-12) << step;
}

// bf16 and f16 train nearly as f32 does; weights stay f32.
TEST_F(SessionTest, ReducedPrecisionTrains) {
  double losses[3];
  int k = 0;
  for (const char* precision : {"f32", "bf16", "f16"}) {
    TrainingSession session(recipe({"steps=60", "model.name=cnn", "model.channels=4,8", "lr=0.01",
                                    "data.validation_samples=60", "accumulate=2",
                                    std::string("precision=") + precision}));
    double loss = 0;
    for (int64_t step = 1; step <= 60; ++step) loss = session.run_step(step);
    EXPECT_LT(loss, 0.3) << precision;
    EXPECT_GT(session.validate({})->accuracy, 0.95) << precision;
    for (const Parameter& parameter : session.parameters().all())
      if (parameter.role == ParameterRole::weight) {
        EXPECT_EQ(parameter.spec.dtype, DType::f32) << parameter.name;
      }
    losses[k++] = loss;
  }
  EXPECT_NE(losses[1], losses[0]);
  EXPECT_NE(losses[2], losses[0]);
}

// A scale that is too large for this step's gradients: nothing changes but the scale, and a
// checkpoint's fields bring it back.
TEST_F(SessionTest, AnOverflowInF16SkipsTheStepAndHalvesTheScale) {
  for (const char* parts : {"accumulate=1", "accumulate=2"}) {
    const Recipe what = recipe({"steps=30", "precision=f16", "optimizer.name=momentum", parts});
    TrainingSession session(what);
    EXPECT_EQ(session.control().loss_scale(), 65536);
    ProgressFields fields = session.control().fields();
    fields["scale.scale"] = {0x1p40};
    session.control().restore(fields);
    const std::vector<double> before = session.states().get("fc1.weight").to_doubles();
    session.run_step(1);
    EXPECT_EQ(session.control().loss_scale(), 0x1p39);
    EXPECT_EQ(session.states().get("fc1.weight").to_doubles(), before);
    for (int64_t step = 2; step <= 30; ++step) session.run_step(step);
    EXPECT_LT(session.control().loss_scale(), 0x1p35);
    EXPECT_NE(session.states().get("fc1.weight").to_doubles(), before);
    EXPECT_EQ(session.control().fields().at("scale.scale")[0], session.control().loss_scale());
  }
  TrainingSession plain(recipe({"steps=3"}));
  EXPECT_FALSE(plain.control().fields().contains("scale.scale"));
}

TEST_F(SessionTest, TheRangeTestRisesGeometricallyAndSuggestsARateThatTrains) {
  const Recipe what = recipe(
      {"optimizer.name=sgd", "epochs=1", "schedule.name=cosine", "schedule.warmup=3", "time=1s"});
  const LrRangeOptions options{.from = 1e-5, .to = 10, .steps = 120};
  const Recipe changed = for_lr_range(what, options);
  TrainingSession session(changed), again(changed);
  const LrRangeResult result = test_lr_range(session, options);
  ASSERT_GT(result.points.size(), 30u);
  EXPECT_EQ(result.points[0].lr, 1e-5);
  const double factor = std::pow(1e6, 1.0 / 119);
  for (size_t i = 1; i < result.points.size(); ++i)
    EXPECT_NEAR(result.points[i].lr / result.points[i - 1].lr, factor, 1e-12);
  const LrRangeResult repeated = test_lr_range(again, options);
  ASSERT_EQ(repeated.points.size(), result.points.size());
  for (size_t i = 0; i < result.points.size(); ++i)
    EXPECT_EQ(repeated.points[i].loss, result.points[i].loss);
  EXPECT_EQ(repeated.suggested, result.suggested);
  ASSERT_GT(result.suggested, 1e-3);
  ASSERT_LT(result.suggested, 10);
  TrainingSession trained(
      recipe({"optimizer.name=sgd", "epochs=20", "lr=" + std::to_string(result.suggested)}));
  double loss = 0;
  for (int64_t step = 1; step <= trained.steps(); ++step) loss = trained.run_step(step);
  EXPECT_LT(loss, 0.1);
}

TEST_F(SessionTest, TheRangeTestEndsWhereTheLossBreaks) {
  const LrRangeOptions options{.from = 1e-3, .to = 1e8, .steps = 200};
  TrainingSession session(for_lr_range(recipe({"optimizer.name=sgd"}), options));
  const LrRangeResult result = test_lr_range(session, options);
  EXPECT_TRUE(result.diverged);
  EXPECT_LT(result.points.size(), 190u);
  for (const LrRangePoint& point : result.points) EXPECT_TRUE(std::isfinite(point.loss));
  // To the last rate inclusive where nothing breaks.
  const LrRangeOptions calm{.from = 1e-7, .to = 1e-3, .steps = 10};
  TrainingSession quiet(for_lr_range(recipe({"optimizer.name=sgd"}), calm));
  const LrRangeResult all = test_lr_range(quiet, calm);
  ASSERT_EQ(all.points.size(), 10u);
  EXPECT_EQ(all.points.back().lr, 1e-3);
  EXPECT_FALSE(all.diverged);
  for (const LrRangeOptions& wrong :
       {LrRangeOptions{.from = 0}, LrRangeOptions{.from = 1, .to = 1}, LrRangeOptions{.to = inf},
        LrRangeOptions{.from = nan}, LrRangeOptions{.steps = 1}, LrRangeOptions{.smoothing = 1}})
    EXPECT_THROW(for_lr_range(recipe({}), wrong), Error);
}

TEST(SuggestedLr, IsWhereTheLossFallsMostSteeply) {
  EXPECT_EQ(suggested_lr({}), 0);
  std::vector<LrRangePoint> points;
  for (int i = 0; i <= 40; ++i) {
    const double lr = std::pow(10.0, -4 + 0.1 * i);
    const double loss = 2 - std::tanh(0.3 * (i - 20));  // falls from 3 to 1 around i = 20
    points.push_back({lr, loss, loss});
  }
  EXPECT_EQ(suggested_lr(points), points[20].lr);
  for (LrRangePoint& point : points) point.smoothed = 1;
  EXPECT_EQ(suggested_lr(points), 0);
}

}  // namespace
}  // namespace gradus
