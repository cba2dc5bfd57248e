// SPDX-License-Identifier: Apache-2.0
#include "training/run_weights.h"

#include <fmt/format.h>

#include "engine/base/error.h"
#include "training/checkpoint.h"
#include "training/run_folder.h"
#include "training/text_source.h"

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

}  // namespace

Recipe recipe_of_run(const std::string& run, const RunWeights& wanted) {
  if (wanted.checkpoint < 0)
    check_finished_run(run);
  else if (look_at_run(run) == RunState::absent)
    failf(ErrorKind::not_found, run, "not the folder of a run: it has no {}", run_file::recipe);
  Recipe recipe = load_run_recipe(run);
  if (wanted.checkpoint >= 0) check_checkpoint(checkpoint_path(run, wanted.checkpoint));
  return recipe;
}

void load_run_weights(const std::string& run, const RunWeights& wanted,
                      const ParameterTable& parameters, StateStore& states) {
  if (wanted.checkpoint < 0)
    load_weights(run_path(run, run_file::weights), parameters, states, wanted.choice);
  else
    load_checkpoint_weights(checkpoint_path(run, wanted.checkpoint), states, wanted.choice);
}

}  // namespace gradus
