// SPDX-License-Identifier: Apache-2.0
#include "training/run_weights.h"

#include <charconv>

#include <fmt/format.h>

#include "engine/base/error.h"
#include "training/best_checkpoints.h"
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

// As the newest whole checkpoint knows it.
int64_t best_checkpoint(const std::string& run) {
  const std::string folder = run_path(run, run_file::checkpoints);
  int64_t step = -1;
  if (const std::vector<Position> known = list_checkpoints(folder); !known.empty()) {
    const Progress progress = check_checkpoint(run_path(folder, checkpoint_name(known.front())));
    step = best_step(fields_of(progress.parts, best_checkpoints_part));
  }
  if (step < 0)
    failf(ErrorKind::not_found, run,
          "this run keeps no best checkpoint; train it with checkpoint.best=1");
  return step;
}

int64_t step_of(const std::string& run, const RunWeights& wanted) {
  return wanted.checkpoint == RunWeights::best ? best_checkpoint(run) : wanted.checkpoint;
}

}  // namespace

int64_t parse_checkpoint_choice(const std::string& text) {
  if (text.empty()) return RunWeights::final_weights;
  if (text == "best") return RunWeights::best;
  int64_t step = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), step);
  GRADUS_CHECK(error == std::errc() && end == text.data() + text.size() && step >= 0,
               "[--checkpoint] expected an optimizer step or best, got '{}'", text);
  return step;
}

Recipe recipe_of_run(const std::string& run, const RunWeights& wanted) {
  if (wanted.checkpoint == RunWeights::final_weights)
    check_finished_run(run);
  else if (look_at_run(run) == RunState::absent)
    failf(ErrorKind::not_found, run, "not the folder of a run: it has no {}", run_file::recipe);
  Recipe recipe = load_run_recipe(run);
  if (wanted.checkpoint != RunWeights::final_weights)
    check_checkpoint(checkpoint_path(run, step_of(run, wanted)));
  return recipe;
}

void load_run_weights(const std::string& run, const RunWeights& wanted,
                      const ParameterTable& parameters, StateStore& states) {
  if (wanted.checkpoint == RunWeights::final_weights)
    load_weights(run_path(run, run_file::weights), parameters, states, wanted.choice);
  else
    load_checkpoint_weights(checkpoint_path(run, step_of(run, wanted)), states, wanted.choice);
}

}  // namespace gradus
