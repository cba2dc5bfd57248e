// SPDX-License-Identifier: Apache-2.0
#include "training/session.h"

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "training/data_factory.h"
#include "training/model_factory.h"
#include "training/weights.h"

namespace gradus {
namespace {

int64_t steps_of(const Recipe& recipe, int64_t steps_per_epoch) {
  const int64_t steps = recipe.integer("steps");
  return steps > 0 ? steps : recipe.integer("epochs") * steps_per_epoch;
}

}  // namespace

int64_t micro_batch(const Recipe& recipe) {
  const int64_t batch = recipe.integer("batch"), parts = recipe.integer("accumulate");
  GRADUS_CHECK(batch % parts == 0, "[accumulate] expected a divisor of the batch {}, got {}", batch,
               parts);
  return batch / parts;
}

void use_threads(const Recipe& recipe) {
  if (const int64_t threads = recipe.integer("threads"); threads > 0)
    set_thread_count(static_cast<int>(threads));
}

TrainingSession::TrainingSession(const Recipe& recipe)
    : device_(find_device(recipe.text("device"))),
      dtype_(*parse_dtype(recipe.text("precision"))),
      seed_(static_cast<uint64_t>(recipe.integer("seed"))),
      data_(load_data(recipe, Split::train)),
      validation_data_(load_data(recipe, Split::validation)),
      sampler_(make_sampler(recipe, *data_)),
      steps_(steps_of(recipe, sampler_.batches_per_epoch())),
      micro_steps_(recipe.integer("accumulate")),
      control_(recipe, steps_, sampler_.batches_per_epoch(), validation_data_ != nullptr),
      states_(device_),
      arena_(device_),
      spec_(training_spec(recipe, *data_, micro_batch(recipe))),
      loader_(data_, sampler_, spec_, dtype_,
              {.parts = micro_steps_,
               .workers = recipe.integer("data.workers"),
               .end = steps_ * micro_steps_}) {
  build(recipe);
  set_first_values(parameters_, seed_, states_);
  if (const std::string& from = recipe.text("init.from"); !from.empty())
    start_from(from, recipe.texts("init.skip"), parameters_, states_);
}

void TrainingSession::build(const Recipe& recipe) {
  const Model model = make_model(recipe, *data_);
  const Optimizer optimizer = make_optimizer(recipe);
  if (micro_steps_ > 1)
    accumulation_.emplace(
        accumulation_graph(model, spec_, dtype_, optimizer, parameters_, micro_steps_), states_,
        arena_);
  update_.emplace(training_graph(model, spec_, dtype_, optimizer, recipe.real("clip"), parameters_,
                                 micro_steps_),
                  states_, arena_);
  if (validation_data_)
    validation_.emplace(model, validation_data_, spec_.batch, dtype_, parameters_, states_, arena_,
                        recipe.boolean("report"));
  averaged_.emplace(parameters_, states_);
}

Executable& TrainingSession::program_of(int64_t micro_step) {
  return micro_step + 1 < micro_steps_ ? *accumulation_ : *update_;
}

double TrainingSession::run(int64_t step, int64_t micro_step) {
  Executable& program = program_of(micro_step);
  HostBatch& batch = loader_.at((step - 1) * micro_steps_ + micro_step);
  const RngState rng{seed_, static_cast<uint64_t>(step), static_cast<uint64_t>(micro_step)};
  control_.mix(program, rng, batch.inputs, batch.targets);
  program.set_input("input", batch.inputs);
  program.set_input("target", batch.targets);
  const bool updates = micro_step + 1 == micro_steps_;
  if (updates) control_.set_inputs(program, step);
  program.run(rng);
  const double loss = program.output("loss").item();
  if (updates)
    control_.add_step(program, step, loss);
  else
    control_.add_loss(step, loss);
  return loss;
}

std::optional<Score> TrainingSession::validate(const std::function<bool()>& stopped) {
  const AveragesInPlace averages(*averaged_);
  return validation_->run(stopped);
}

}  // namespace gradus
