// SPDX-License-Identifier: Apache-2.0
#include "training/trainer.h"

#include <cmath>
#include <iterator>
#include <optional>

#include <fmt/format.h>

#include "data/sampler.h"
#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/io/safetensors.h"
#include "training/data_factory.h"
#include "training/model_factory.h"
#include "training/run_folder.h"
#include "training/weights.h"

namespace gradus {
namespace {

DType precision_of(const Recipe& recipe) { return *parse_dtype(recipe.text("precision")); }

void use_threads(const Recipe& recipe) {
  if (const int64_t threads = recipe.integer("threads"); threads > 0)
    set_thread_count(static_cast<int>(threads));
}

class Trainer {
 public:
  Trainer(const Recipe& recipe, const TrainingObserver& observer);
  TrainingResult run(RunFolder& folder);
  TrainingPlan plan() const;
  int64_t saved_bytes() const {
    int64_t bytes = 0;
    for (const auto& [name, tensor] : model_tensors(parameters_, states_)) bytes += tensor.bytes();
    return bytes;
  }
  void save(const std::string& path) const {
    save_safetensors(path, model_tensors(parameters_, states_));
  }

 private:
  double run_step(int64_t step);
  void report_step(RunFolder& folder, const StepReport& report) const;
  void validate(RunFolder& folder, int64_t step, TrainingResult& result);

  const TrainingObserver& observer_;
  Device& device_;
  DType dtype_;
  uint64_t seed_;
  std::shared_ptr<const Dataset> data_, validation_data_;
  Sampler sampler_;
  int64_t steps_, validate_every_;
  Schedule schedule_;
  ParameterTable parameters_;
  StateStore states_;
  Arena arena_;
  BatchSpec spec_;
  HostBatch host_;
  std::optional<Executable> program_;
  std::optional<Evaluation> validation_;
};

int64_t steps_of(const Recipe& recipe, int64_t steps_per_epoch) {
  const int64_t steps = recipe.integer("steps");
  return steps > 0 ? steps : recipe.integer("epochs") * steps_per_epoch;
}

Trainer::Trainer(const Recipe& recipe, const TrainingObserver& observer)
    : observer_(observer),
      device_(find_device(recipe.text("device"))),
      dtype_(precision_of(recipe)),
      seed_(static_cast<uint64_t>(recipe.integer("seed"))),
      data_(load_data(recipe, Split::train)),
      validation_data_(load_data(recipe, Split::validation)),
      sampler_(data_->size(), recipe.integer("batch"), seed_),
      steps_(steps_of(recipe, sampler_.batches_per_epoch())),
      validate_every_(recipe.integer("validate_every")),
      schedule_(make_schedule(recipe, steps_)),
      states_(device_),
      arena_(device_),
      spec_(batch_spec(*data_, recipe.integer("batch"))),
      host_(spec_, dtype_) {
  if (validate_every_ == 0) validate_every_ = sampler_.batches_per_epoch();
  const Model model = make_model(recipe, *data_);
  program_.emplace(training_graph(model, spec_, dtype_, make_optimizer(recipe), recipe.real("clip"),
                                  parameters_),
                   states_, arena_);
  if (validation_data_)
    validation_.emplace(model, validation_data_, spec_.batch, dtype_, parameters_, states_, arena_);
  set_first_values(parameters_, seed_, states_);
}

TrainingPlan Trainer::plan() const {
  TrainingPlan plan;
  plan.steps = steps_;
  plan.steps_per_epoch = sampler_.batches_per_epoch();
  plan.batch = spec_.batch;
  plan.training_samples = data_->size();
  plan.validation_samples = validation_data_ ? validation_data_->size() : 0;
  plan.parameters = parameters_.count(ParameterRole::weight);
  plan.state_bytes = states_.bytes();
  plan.arena_bytes = arena_.bytes();
  plan.device = device_.info().name;
  return plan;
}

// Steps are counted from 1; the learning rate of a step is set before it. From the second step on
// nothing here allocates, nor in reporting and validation.
double Trainer::run_step(int64_t step) {
  data_->fill(sampler_.batch(step - 1), 0, host_.inputs, host_.targets);
  program_->set_input("input", host_.inputs);
  program_->set_input("target", host_.targets);
  program_->set_input("lr", schedule_.at(step));
  program_->set_input("step", static_cast<double>(step));
  program_->run({seed_, static_cast<uint64_t>(step), 0});
  const double loss = program_->output("loss").item();
  if (!std::isfinite(loss))
    failf(ErrorKind::not_finite, "train",
          "the loss of step {} is {}; a lower lr, warm-up (schedule.warmup) or clip may help", step,
          loss);
  return loss;
}

void Trainer::report_step(RunFolder& folder, const StepReport& report) const {
  fmt::memory_buffer line;
  fmt::format_to(std::back_inserter(line), R"({{"step":{},"loss":{:.17g},"lr":{:.17g}}})",
                 report.step, report.loss, report.lr);
  folder.add_metrics({line.data(), line.size()});
  if (observer_.stepped) observer_.stepped(report);
}

void Trainer::validate(RunFolder& folder, int64_t step, TrainingResult& result) {
  result.validation = validation_->run();
  result.validated = true;
  fmt::memory_buffer line;
  fmt::format_to(std::back_inserter(line),
                 R"({{"step":{},"split":"{}","metrics":{{"loss":{:.17g},"accuracy":{:.17g}}}}})",
                 step, split_name(Split::validation), result.validation.loss,
                 result.validation.accuracy);
  folder.add_metrics({line.data(), line.size()});
  if (observer_.validated) observer_.validated(step, result.validation);
}

TrainingResult Trainer::run(RunFolder& folder) {
  TrainingResult result;
  for (int64_t step = 1; step <= steps_; ++step) {
    result.loss = run_step(step);
    result.steps = step;
    report_step(folder, {step, result.loss, schedule_.at(step)});
    if (validation_ && (step % validate_every_ == 0 || step == steps_))
      validate(folder, step, result);
  }
  return result;
}

}  // namespace

TrainingResult train(const Recipe& recipe, const std::string& run,
                     const TrainingObserver& observer) {
  use_threads(recipe);
  RunFolder::check_unused(run);  // before minutes go into loading
  Trainer trainer(recipe, observer);
  RunFolder folder(run);
  folder.expect_room(trainer.saved_bytes());
  folder.write(run_file::recipe, recipe.to_toml());
  if (observer.started) observer.started(trainer.plan());
  const TrainingResult result = trainer.run(folder);
  trainer.save(folder.file(run_file::weights));
  return result;
}

Score evaluate_run(const std::string& run, int threads) {
  check_finished_run(run);
  const Recipe recipe = load_recipe(run_path(run, run_file::recipe));
  if (threads > 0)
    set_thread_count(threads);
  else
    use_threads(recipe);
  const std::shared_ptr<const Dataset> data = load_data(recipe, Split::test);
  Device& device = find_device(recipe.text("device"));
  ParameterTable parameters;
  StateStore states(device);
  Arena arena(device);
  Evaluation evaluation(make_model(recipe, *data), data, recipe.integer("batch"),
                        precision_of(recipe), parameters, states, arena);
  load_weights(run_path(run, run_file::weights), parameters, states);
  return evaluation.run();
}

}  // namespace gradus
