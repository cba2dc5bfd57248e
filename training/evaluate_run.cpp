// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "training/checkpoint.h"
#include "training/data_factory.h"
#include "training/model_factory.h"
#include "training/run_folder.h"
#include "training/session.h"
#include "training/text_source.h"
#include "training/trainer.h"
#include "training/weights.h"

namespace gradus {
namespace {

// The checkpoint after optimizer step `step`. Where the run has none, says which there are.
std::string checkpoint_path(const std::string& run, int64_t step) {
  const std::string folder = run_path(run, run_file::checkpoints);
  std::string known;
  for (const Position position : list_checkpoints(folder)) {
    if (position.step == step) return run_path(folder, checkpoint_name(position));
    known += fmt::format("{}{}", known.empty() ? "" : ", ", position.step);
  }
  failf(ErrorKind::not_found, run, "there is no checkpoint of step {}, but of {}", step,
        known.empty() ? "none" : known);
}

void check_recipe_is_there(const std::string& run, int64_t checkpoint) {
  if (checkpoint < 0) return check_finished_run(run);
  if (look_at_run(run) == RunState::absent)
    failf(ErrorKind::not_found, run, "not the folder of a run: it has no {}", run_file::recipe);
}

}  // namespace

Score evaluate_run(const std::string& run, int threads, int64_t checkpoint) {
  check_recipe_is_there(run, checkpoint);
  const Recipe recipe = load_run_recipe(run);
  const std::string checkpoint_folder = checkpoint < 0 ? "" : checkpoint_path(run, checkpoint);
  if (checkpoint >= 0) check_checkpoint(checkpoint_folder);
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
  if (checkpoint >= 0)
    load_checkpoint_weights(checkpoint_folder, states);
  else
    load_weights(run_path(run, run_file::weights), parameters, states);
  return *evaluation.run();
}

}  // namespace gradus
