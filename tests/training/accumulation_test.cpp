// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "data/sampler.h"
#include "engine/io/safetensors.h"
#include "tests/training/training_test.h"
#include "training/data_factory.h"
#include "training/model_factory.h"
#include "training/program.h"
#include "training/schedule.h"

namespace gradus {
namespace {

using Settings = std::vector<std::string>;

class AccumulationTest : public TrainingTest {
 protected:
  struct Outcome {
    std::vector<double> losses;
    NamedTensors weights;
  };

  Outcome trained(const std::string& name, Settings settings, const std::string& more) {
    settings.push_back(more);
    Outcome outcome;
    train(recipe(settings), folder_.file(name),
          {.stepped = [&](const StepReport& report) { outcome.losses.push_back(report.loss); }});
    outcome.weights = load_safetensors(folder_.file(name) + "/final.safetensors").tensors;
    return outcome;
  }
};

// The mean over parts of equal size is the mean over the whole, for the loss and for its gradient.
TEST_F(AccumulationTest, PartsGiveTheStepOfTheWhole) {
  const Settings settings = {
      "precision=f64",          "steps=12", "batch=60", "optimizer.name=momentum",
      "optimizer.momentum=0.9", "lr=0.05",  "clip=0.5", "optimizer.weight_decay=0.01"};
  const Outcome whole = trained("whole", settings, "accumulate=1");
  for (const char* parts : {"2", "3", "60"}) {
    const Outcome split = trained(parts, settings, std::string("accumulate=") + parts);
    ASSERT_EQ(split.losses.size(), whole.losses.size());
    for (size_t i = 0; i < whole.losses.size(); ++i)
      EXPECT_NEAR(split.losses[i], whole.losses[i], 1e-12) << parts << " step " << i + 1;
    ASSERT_EQ(split.weights.size(), whole.weights.size());
    for (const auto& [name, tensor] : whole.weights) {
      const std::vector<double> a = tensor.to_doubles(), b = split.weights.at(name).to_doubles();
      double furthest = 0;
      for (size_t i = 0; i < a.size(); ++i) furthest = std::max(furthest, std::fabs(a[i] - b[i]));
      EXPECT_LT(furthest, 1e-12) << parts << " " << name;
    }
  }
}

// The losses of a run are those of its parts put together by hand: each micro-step has its share of
// the step's samples and masks of its own.
TEST_F(AccumulationTest, ARunIsItsMicroSteps) {
  const Recipe wanted = recipe({"model.dropout=0.5", "steps=9", "seed=5", "batch=60",
                                "accumulate=3", "optimizer.name=adam"});
  std::vector<double> losses;
  train(wanted, folder_.file("run"),
        {.stepped = [&](const StepReport& report) { losses.push_back(report.loss); }});
  const std::shared_ptr<const Dataset> data = load_data(wanted, Split::train);
  const BatchSpec spec = batch_spec(*data, 20);
  const Model model = make_model(wanted, *data);
  ParameterTable parameters;
  StateStore states(cpu_device());
  Arena arena(cpu_device());
  Executable part(
      accumulation_graph(model, spec, DType::f32, make_optimizer(wanted), parameters, {3}), states,
      arena);
  Executable last(
      training_graph(model, spec, DType::f32, make_optimizer(wanted), 0, parameters, {3}), states,
      arena);
  set_first_values(parameters, 5, states);
  HostBatch batch(spec, DType::f32);
  Sampler sampler(data->size(), 60, 5);
  for (int64_t step = 1; step <= 9; ++step) {
    double sum = 0;
    for (size_t micro = 0; micro < 3; ++micro) {
      Executable& program = micro < 2 ? part : last;
      data->fill(sampler.batch(step - 1).subspan(20 * micro, 20), 0, batch.inputs, batch.targets);
      program.set_input("input", batch.inputs);
      program.set_input("target", batch.targets);
      if (micro == 2) {
        program.set_input("lr", 0.001);
        program.set_input("step", static_cast<double>(step));
      }
      program.run({5, static_cast<uint64_t>(step), micro});
      const double loss = program.output("loss").item();
      if (micro < 2) sum += loss;
      if (micro < 2) continue;
      // The last one says the whole step's, whose share of the parts before is known.
      EXPECT_EQ(loss, losses[static_cast<size_t>(step - 1)]) << step;
      EXPECT_GT(3 * loss, sum) << step;
    }
  }
  for (const auto& [name, state] : states.all()) {
    if (!name.starts_with("optimizer.gradient.")) continue;
    for (double value : state.to_doubles()) EXPECT_EQ(value, 0) << name;
  }
  EXPECT_TRUE(states.contains("optimizer.gradient.fc1.weight"));
}

TEST_F(AccumulationTest, GradientsAreNotPartOfTheModel) {
  const Outcome outcome = trained("run", {"steps=2", "batch=20"}, "accumulate=2");
  for (const auto& [name, tensor] : outcome.weights) EXPECT_FALSE(name.starts_with("optimizer"));
}

TEST_F(AccumulationTest, ItDividesTheBatch) {
  EXPECT_EQ(refusal(recipe({"batch=20", "accumulate=3"}), folder_.file("run"),
                    "[accumulate] expected a divisor of the batch 20, got 3"),
            ErrorKind::invalid_argument);
}

}  // namespace
}  // namespace gradus
