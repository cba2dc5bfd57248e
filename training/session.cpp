// SPDX-License-Identifier: Apache-2.0
#include "training/session.h"

#include <cmath>
#include <functional>

#include <fmt/format.h>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/tensor/finite.h"
#include "training/data_factory.h"
#include "training/finite_watch.h"
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
  GRADUS_CHECK(batch > 0, "[batch] auto and full stand for a number that is not known here");
  GRADUS_CHECK(batch % parts == 0, "[accumulate] expected a divisor of the batch {}, got {}", batch,
               parts);
  return batch / parts;
}

StepForm step_form(const Recipe& recipe) {
  return {.micro_steps = recipe.integer("accumulate"),
          .recompute = recipe.boolean("recompute"),
          .low = precision_of(recipe).low};
}

void use_threads(const Recipe& recipe) {
  if (const int64_t threads = recipe.integer("threads"); threads > 0)
    set_thread_count(static_cast<int>(threads));
}

TrainingSession::TrainingSession(const Recipe& recipe)
    : TrainingSession(recipe, load_training_data(recipe)) {}

TrainingSession::TrainingSession(const Recipe& recipe, const TrainingData& data, bool stepwise)
    : device_(find_device(recipe.text("device"))),
      precision_(precision_of(recipe)),
      seed_(static_cast<uint64_t>(recipe.integer("seed"))),
      data_(data.train),
      validation_data_(data.validation),
      sampler_(make_sampler(recipe, *data_)),
      steps_(steps_of(recipe, sampler_.batches_per_epoch())),
      micro_steps_(recipe.integer("accumulate")),
      stepwise_(stepwise),
      control_(recipe, steps_, sampler_.batches_per_epoch(), validation_data_ != nullptr),
      states_(device_),
      arena_(device_),
      main_form_(sampler_.main_form()),
      specs_(training_specs(recipe, *data_, sampler_, micro_steps_)),
      spec_(specs_[main_form_]),
      loader_(data_, sampler_, specs_, precision_.parameters,
              {.parts = micro_steps_,
               .workers = recipe.integer("data.workers"),
               .end = steps_ * micro_steps_}) {
  build(recipe);
  set_first_values(parameters_, seed_, states_);
  if (const std::string& from = recipe.text("init.from"); !from.empty())
    start_from(from, recipe.texts("init.skip"), parameters_, states_);
  keep_buffers();
  if (const Optimizer optimizer = make_optimizer(recipe); optimizer.lbfgs)
    lbfgs_.emplace(*optimizer.lbfgs, parameters_, states_);
}

void TrainingSession::build(const Recipe& recipe) {
  const Model model = make_model(recipe, *data_);
  const Optimizer optimizer = make_optimizer(recipe);
  const DType dtype = precision_.parameters;
  StepForm form = step_form(recipe);
  form.passes = !stepwise_;
  programs_.reserve(specs_.size());
  for (const BatchSpec& spec : specs_) {
    Programs& programs = programs_.emplace_back();
    if (micro_steps_ > 1)
      programs.accumulation.emplace(
          accumulation_graph(model, spec, dtype, optimizer, parameters_, form), states_, arena_);
    programs.update.emplace(
        training_graph(model, spec, dtype, optimizer, recipe.real("clip"), parameters_, form),
        states_, arena_);
  }
  if (validation_data_)
    validation_.emplace(model, validation_data_, spec_.batch, precision_, parameters_, states_,
                        arena_, recipe.boolean("report"));
  averaged_.emplace(parameters_, states_);
}

// Where a step may be left out after its first micro-steps.
void TrainingSession::keep_buffers() {
  for (const Parameter& parameter : parameters_.all())
    if (parameter.role == ParameterRole::buffer && states_.contains(kept_name(parameter.name)))
      states_.set(kept_name(parameter.name), states_.get(parameter.name));
}

Executable& TrainingSession::program_of(int64_t micro_step, size_t form) {
  Programs& programs = programs_[form];
  return micro_step + 1 < micro_steps_ ? *programs.accumulation : *programs.update;
}

double TrainingSession::run_step(int64_t step, RunObserver* observer) {
  double loss = 0;
  for (int64_t part = 0; part < micro_steps_; ++part) loss = run(step, part, observer);
  return loss;
}

// What is not finite and reaches neither loss nor states was meant.
void TrainingSession::run_watched(Executable& program, const RngState& rng, int64_t step,
                                  int64_t micro_step) {
  FiniteWatch watch(program);
  program.run(rng, &watch);
  if (watch.found().empty()) return;
  bool lost = !std::isfinite(program.output("loss").item());
  for (const NamedValue& update : program.graph().updates())
    lost = lost || !all_finite(states_.get(update.name).to(cpu_device()));
  if (lost)
    failf(ErrorKind::not_finite, "train", "step {}{}: {}", step,
          micro_steps_ > 1 ? fmt::format(", part {} of {}", micro_step + 1, micro_steps_) : "",
          watch.found());
}

double TrainingSession::run(int64_t step, int64_t micro_step, RunObserver* observer) {
  HostBatch& batch = loader_.at((step - 1) * micro_steps_ + micro_step);
  Executable& program = program_of(micro_step, batch.form);
  samples_run_ = specs_[batch.form].batch;
  const RngState rng{seed_, static_cast<uint64_t>(step), static_cast<uint64_t>(micro_step)};
  if (lbfgs_) return run_lbfgs(batch, rng, step, observer);
  control_.prepare(program, rng, batch.inputs, batch.targets);
  program.set_input("input", batch.inputs);
  program.set_input("target", batch.targets);
  const bool updates = micro_step + 1 == micro_steps_;
  if (updates) control_.set_inputs(program, step);
  if (stepwise_)
    run_watched(program, rng, step, micro_step);
  else
    program.run(rng, batch.form == main_form_ ? observer : nullptr);
  const double loss = program.output("loss").item();
  if (updates)
    control_.add_step(program, step, loss);
  else
    control_.add_loss(step, loss);
  return loss;
}

// One batch, evaluated as often as L-BFGS asks, with the same masks. Observers see the first time.
double TrainingSession::run_lbfgs(HostBatch& batch, const RngState& rng, int64_t step,
                                  RunObserver* observer) {
  Executable& program = program_of(0, batch.form);
  bool first = true;
  const auto evaluate = [&] {
    program.set_input("input", batch.inputs);
    program.set_input("target", batch.targets);
    if (stepwise_ && first)
      run_watched(program, rng, step, 0);
    else
      program.run(rng, first && batch.form == main_form_ ? observer : nullptr);
    first = false;
    return program.output("loss").item();
  };
  const double loss = lbfgs_->step(control_.lr(step), std::ref(evaluate));
  control_.add_loss(step, loss);
  return loss;
}

std::optional<Score> TrainingSession::validate(const std::function<bool()>& stopped) {
  const AveragesInPlace averages(*averaged_);
  return validation_->run(stopped);
}

}  // namespace gradus
