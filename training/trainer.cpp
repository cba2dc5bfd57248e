// SPDX-License-Identifier: Apache-2.0
#include "training/trainer.h"

#include <array>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <optional>

#include <fmt/format.h>

#include "data/sources.h"
#include "data/tokenizer_file.h"
#include "engine/base/error.h"
#include "engine/io/sealed_folder.h"
#include "engine/io/tensors_hash.h"
#include "training/batch_choice.h"
#include "training/checkpoint.h"
#include "training/checkpoint_saver.h"
#include "training/data_card.h"
#include "training/finished_run.h"
#include "training/metrics_log.h"
#include "training/quantity.h"
#include "training/recipe_difference.h"
#include "training/run_data.h"
#include "training/run_environment.h"
#include "training/run_folder.h"
#include "training/session.h"
#include "training/text_source.h"
#include "training/weights.h"

namespace gradus {
namespace {

using Clock = std::chrono::steady_clock;

// Where checkpoint.every leaves it to us: what a kill may cost, and how rarely a run of short
// epochs pays for a save.
constexpr std::chrono::seconds between_checkpoints{10};

// Infinite where the recipe has none.
double time_limit(const Recipe& recipe) {
  const std::string& time = recipe.text("time");
  return time.empty() ? HUGE_VAL : parse_duration(time).value();
}

TrainingPlan plan_of(const TrainingSession& session, const Recipe& recipe,
                     const Progress& progress) {
  TrainingPlan plan;
  plan.steps = session.steps();
  plan.steps_per_epoch = session.steps_per_epoch();
  plan.steps_done = progress.position.step;
  plan.seconds_left = time_limit(recipe) - progress.seconds;
  plan.batch = session.batch();
  plan.training_samples = session.data().size();
  plan.validation_samples = session.validation_data() ? session.validation_data()->size() : 0;
  plan.parameters = session.parameters().count(ParameterRole::weight);
  plan.state_bytes = session.states().bytes();
  plan.copy_bytes = recipe.boolean("checkpoint.async") ? plan.state_bytes : 0;
  plan.arena_bytes = session.arena_bytes();
  plan.device = session.device().info().name;
  return plan;
}

// A number as JSON has it, which has none for what is not finite.
std::array<char, 32> metric_text(double number) {
  std::array<char, 32> text{"null"};
  if (std::isfinite(number))
    *fmt::format_to_n(text.data(), text.size() - 1, "{:.17g}", number).out = '\0';
  return text;
}

// The steps of a run from where it stands to its end.
class Trainer {
 public:
  Trainer(const Recipe& recipe, const RunFolder& folder, TrainingSession& session,
          const TrainingObserver& observer, const TrainingOptions& options,
          const Progress& progress);
  TrainingResult run();
  bool lost_metrics() const { return metrics_.lost(); }

 private:
  void advance();
  void report_step();
  void look_at_clock();
  bool is_last() const;
  bool validation_is_due() const;
  bool validate();
  bool save_is_due() const;
  void save();
  TrainingResult result(TrainingEnd end) const;
  bool stopped() const { return options_.stop && options_.stop(); }

  TrainingSession& session_;
  const TrainingObserver& observer_;
  const TrainingOptions& options_;
  std::string checkpoints_, best_;
  int64_t validate_every_, save_every_;
  double time_limit_;
  Progress progress_;
  double seconds_before_;  // that earlier processes trained
  bool out_of_time_ = false;
  MetricsLog metrics_;
  CheckpointSaver saver_;
  Position saved_;  // where the newest checkpoint stands
  Clock::time_point began_ = Clock::now(), saved_at_ = began_;
};

Trainer::Trainer(const Recipe& recipe, const RunFolder& folder, TrainingSession& session,
                 const TrainingObserver& observer, const TrainingOptions& options,
                 const Progress& progress)
    : session_(session),
      observer_(observer),
      options_(options),
      checkpoints_(folder.file(run_file::checkpoints)),
      best_(folder.file(run_file::best)),
      validate_every_(recipe.integer("validate_every")),
      save_every_(recipe.integer("checkpoint.every")),
      time_limit_(time_limit(recipe)),
      progress_(progress),
      seconds_before_(progress.seconds),
      metrics_(folder.file(run_file::metrics), progress.metrics_bytes),
      saver_(checkpoints_, session.states(), metrics_, recipe.integer("checkpoint.keep"),
             recipe.boolean("checkpoint.async")),
      saved_(progress.position) {
  if (validate_every_ == 0) validate_every_ = session.steps_per_epoch();
}

// Whatever comes after a step is decided by the position alone, so that a run which goes on from a
// checkpoint does what was still to be done there.
TrainingResult Trainer::run() {
  for (;;) {
    saver_.check();
    look_at_clock();
    if (stopped() || (validation_is_due() && !validate())) {
      if (saved_ != progress_.position || progress_.position == Position{}) save();
      saver_.wait();
      return result(TrainingEnd::stopped);
    }
    if (save_is_due()) save();
    if (is_last() || session_.control().ends_early()) break;
    advance();
  }
  saver_.wait();
  if (session_.control().best_step() > 0)
    restore_weights(best_, session_.parameters(), session_.states());
  return result(TrainingEnd::finished);
}

// Time ends a run between two steps, and where its seconds are in a checkpoint, there again.
void Trainer::look_at_clock() {
  const std::chrono::duration<double> here = Clock::now() - began_;
  progress_.seconds = seconds_before_ + here.count();
  if (progress_.position.micro_step == 0 && progress_.position.step > 0 &&
      progress_.seconds >= time_limit_)
    out_of_time_ = true;
}

bool Trainer::is_last() const {
  return out_of_time_ || progress_.position.step == session_.steps();
}

// One micro-step.
void Trainer::advance() {
  Position& position = progress_.position;
  const double loss = session_.run(position.step + 1, position.micro_step);
  progress_.samples += session_.samples_run();
  if (++position.micro_step < session_.micro_steps()) return;
  position = {position.step + 1, 0};
  progress_.loss = loss;
  report_step();
}

void Trainer::report_step() {
  const StepReport report{progress_.position.step, progress_.loss,
                          session_.lr(progress_.position.step)};
  fmt::memory_buffer line;
  fmt::format_to(std::back_inserter(line), R"({{"step":{},"loss":{},"lr":{:.17g}}})", report.step,
                 metric_text(report.loss).data(), report.lr);
  metrics_.add({line.data(), line.size()});
  if (observer_.stepped) observer_.stepped(report);
}

bool Trainer::validation_is_due() const {
  const auto [step, micro_step] = progress_.position;
  return session_.validation_data() != nullptr && micro_step == 0 && step > progress_.validated &&
         (step % validate_every_ == 0 || is_last());
}

// False where it was stopped: then it is still due.
bool Trainer::validate() {
  const std::optional<Score> score = session_.validate(options_.stop);
  if (!score) return false;
  const int64_t step = progress_.position.step;
  progress_.validated = step;
  progress_.validation = *score;
  fmt::memory_buffer line;
  fmt::format_to(std::back_inserter(line), R"({{"step":{},"split":"{}","metrics":)", step,
                 split_name(Split::validation));
  add_metrics_json(*score, line);
  line.push_back('}');
  metrics_.add({line.data(), line.size()});
  if (session_.control().add_validation(step, *score))
    save_hashed_safetensors(best_, model_tensors(session_.parameters(), session_.states()));
  if (observer_.validated) observer_.validated(step, *score);
  if (observer_.reported && session_.reports()) observer_.reported(step, session_.report(*score));
  return true;
}

bool Trainer::save_is_due() const {
  const auto [step, micro_step] = progress_.position;
  if (micro_step != 0 || progress_.position == saved_) return false;
  if (is_last() || session_.control().best_checkpoints().holds(step)) return true;
  if (save_every_ > 0) return step % save_every_ == 0;
  return save_every_ == 0 && step % session_.steps_per_epoch() == 0 &&
         Clock::now() - saved_at_ >= between_checkpoints;
}

void Trainer::save() {
  progress_.parts = session_.control().fields();
  progress_.metrics_bytes = metrics_.bytes();
  saver_.save(progress_, session_.control().best_checkpoints().steps());
  saved_ = progress_.position;
  saved_at_ = Clock::now();
}

TrainingResult Trainer::result(TrainingEnd end) const {
  TrainingResult result;
  result.end = end;
  result.steps = progress_.position.step;
  result.loss = progress_.loss;
  result.out_of_time = out_of_time_ && progress_.position.step < session_.steps();
  result.validated = progress_.validated > 0;
  result.validation = progress_.validation;
  if (end == TrainingEnd::stopped)
    result.checkpoint = run_path(checkpoints_, checkpoint_name(progress_.position));
  return result;
}

using Changes = std::vector<RecipeDifference>;

// Refuses to go on with another recipe than the run's, unless that is wanted. Returns what differs.
Changes check_recipe(const Recipe& recipe, const std::string& run, RunState state, bool allowed) {
  const std::string path = run_path(run, run_file::recipe);
  Changes differences = recipe_differences(load_recipe(path), recipe);
  if (differences.empty()) return differences;
  if (state == RunState::finished)
    failf(ErrorKind::invalid_argument, run,
          "this run is finished, with another recipe: {}; choose another run=DIR",
          to_string(differences));
  if (!allowed)
    failf(ErrorKind::invalid_argument, run,
          "this run was begun with another recipe: {}; choose another run=DIR, or go on with this "
          "command's values by --allow-changes",
          to_string(differences));
  return differences;
}

// Loads the states of a checkpoint. Where it has others than the session, names the changed keys
// that say which states there are.
void load_states(const FoundCheckpoint& found, Changes changes, StateStore& states) {
  try {
    load_checkpoint(found.path, states);
  } catch (const Error& error) {
    std::erase_if(changes, [](const RecipeDifference& change) { return !decides_states(change); });
    if (changes.empty() || error.kind() != ErrorKind::bad_data) throw;
    failf(ErrorKind::invalid_argument, found.path,
          "this change cannot be carried over to the run: {}, for which it has not what training "
          "remembers from step to step. Without it the run goes on; with it another run=DIR can "
          "start from these weights: init.from={}",
          to_string(changes), found.path);
  }
}

// A position that the recipe's run does not have, which changed keys alone can bring about.
void check_position(const FoundCheckpoint& found, const TrainingSession& session) {
  const Progress& progress = found.progress;
  GRADUS_CHECK(progress.position.step <= session.steps(),
               "[{}] stands at step {}, the recipe has {} steps", found.path,
               progress.position.step, session.steps());
  GRADUS_CHECK(progress.position.micro_step == 0 || progress.micro_steps == session.micro_steps(),
               "[{}] stands inside of a step of {} parts, so that accumulate cannot become {} here",
               found.path, progress.micro_steps, session.micro_steps());
  if (progress.position.micro_step >= progress.micro_steps ||
      (progress.position.micro_step > 0 && progress.position.step == session.steps()))
    failf(ErrorKind::bad_data, found.path, "micro-step {} of step {} does not exist",
          progress.position.micro_step, progress.position.step + 1);
}

// Brings the session to where the run stands.
Progress resume(const RunFolder& folder, TrainingSession& session, const Changes& changes,
                const std::function<void(const std::string&)>& note) {
  const std::string checkpoints = folder.file(run_file::checkpoints);
  clean_sealed_folders(checkpoints);
  std::vector<std::string> skipped;
  const std::optional<FoundCheckpoint> found = find_checkpoint(checkpoints, skipped);
  for (const std::string& what : skipped) note("skipped " + what);
  Progress progress;
  progress.micro_steps = session.micro_steps();
  if (!found) return progress;
  check_position(*found, session);
  load_states(*found, changes, session.states());
  progress = found->progress;
  session.control().restore(progress.parts);
  progress.micro_steps = session.micro_steps();
  return progress;
}

// Of a run that has begun, a batch that was said in a word is the number that it became.
Recipe with_batch_of_run(const Recipe& recipe, const std::string& run) {
  const int64_t batch = recipe.integer("batch");
  if (batch != auto_batch && batch != full_batch) return recipe;
  if (look_at_run(run) == RunState::absent) return with_known_batch(recipe);
  return with_batch(recipe, load_recipe(run_path(run, run_file::recipe)).integer("batch"));
}

// Leaves the tokenizer of the run's texts with the run, which then needs no other file to go on
// from a text.
void keep_tokenizer(const Recipe& recipe, RunFolder& folder, bool allowed) {
  const std::shared_ptr<const Tokenizer> tokenizer = load_tokenizer(recipe);
  if (!tokenizer || tokenizer->is_bytes()) return;
  const std::string path = folder.file(run_file::tokenizer), json = tokenizer->to_json();
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored) && !allowed && read_tokenizer(path)->to_json() != json)
    failf(ErrorKind::invalid_argument, path,
          "this run was begun with another tokenizer; choose another run=DIR");
  folder.write(run_file::tokenizer, json);
}

int64_t bytes_of(const NamedTensors& tensors) {
  int64_t bytes = 0;
  for (const auto& [name, tensor] : tensors) bytes += tensor.bytes();
  return bytes;
}

std::string resume_text(const RunFolder& folder, const Progress& progress) {
  const Position at = progress.position;
  if (at == Position{}) return "no checkpoint to go on from: beginning with step 1";
  return fmt::format("going on from {}",
                     run_path(folder.file(run_file::checkpoints), checkpoint_name(at)));
}

}  // namespace

TrainingResult train(const Recipe& given, const std::string& run, const TrainingObserver& observer,
                     const TrainingOptions& options) {
  const auto note = [&](const std::string& text) {
    if (observer.noted) observer.noted(text);
  };
  use_threads(given);
  const Recipe recipe = with_batch_of_run(given, run);
  std::optional<RunFolder> folder;
  RunState state = look_at_run(run);
  if (state == RunState::unfinished) {
    folder.emplace(run);  // before minutes go into loading
    state = look_at_run(run);
  }
  Changes changes;
  if (state != RunState::absent) changes = check_recipe(recipe, run, state, options.allow_changes);
  if (state == RunState::finished) return read_finished_run(run);
  TrainingSession session(recipe, load_training_data(recipe), options.stepwise);
  if (!folder) {
    folder.emplace(run);  // only now, so that what cannot be trained leaves no folder
    state = look_at_run(run);
    if (state != RunState::absent)
      changes = check_recipe(recipe, run, state, options.allow_changes);
    if (state == RunState::finished) return read_finished_run(run);
  }
  if (state == RunState::unfinished && !options.allow_changes)
    check_same_data(run, recipe, session.data());
  const NamedTensors weights = model_tensors(session.parameters(), session.states());
  folder->expect_room(bytes_of(weights));
  const Progress progress = resume(*folder, session, changes, note);
  folder->write(run_file::recipe, recipe.to_toml(true));
  record_environment(*folder, session.device().info(), progress.position.step);
  keep_tokenizer(recipe, *folder, options.allow_changes);
  folder->write(run_file::data, to_json(describe_data(recipe, session.data())) + "\n");
  if (state == RunState::unfinished) note(resume_text(*folder, progress));
  Trainer trainer(recipe, *folder, session, observer, options, progress);
  if (trainer.lost_metrics()) note("metrics.jsonl has lost lines; those that are left are kept");
  if (observer.started) observer.started(plan_of(session, recipe, progress));
  const TrainingResult result = trainer.run();
  if (result.end == TrainingEnd::finished)
    save_hashed_safetensors(folder->file(run_file::weights), weights);
  return result;
}

}  // namespace gradus
