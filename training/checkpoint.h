// SPDX-License-Identifier: Apache-2.0
// Checkpoints of a run: RUN/checkpoints/step-00000200, a sealed folder (engine/io/sealed_folder.h)
// with state.safetensors (weights, running statistics, optimizer memory, gradients being added up)
// and progress.json. One in the middle of an accumulation is called step-00000200-micro-2.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/exec/state_store.h"
#include "engine/io/safetensors.h"
#include "training/averages.h"
#include "training/progress.h"

namespace gradus {

namespace checkpoint_file {
inline constexpr std::string_view states = "state.safetensors";
inline constexpr std::string_view progress = "progress.json";
}  // namespace checkpoint_file

std::string checkpoint_name(Position position);
// None where `name` is not exactly what checkpoint_name gives.
std::optional<Position> parse_checkpoint_name(std::string_view name);

// Writes one below `folder`, which is made where absent. Throws as write_sealed_folder, and
// not_finite naming the tensor where a state is NaN or infinite: nobody could train on from there.
void write_checkpoint(const std::string& folder, const NamedTensors& states,
                      const Progress& progress);

// Removes the checkpoints below `folder` but the newest `keep` and those after the steps `besides`.
// Throws io.
void drop_oldest_checkpoints(const std::string& folder, int64_t keep,
                             std::span<const int64_t> besides = {});

// Positions of what is called a checkpoint below `folder`, newest first; not looked into.
std::vector<Position> list_checkpoints(const std::string& folder);

// Looks at every byte of a checkpoint. Throws as check_sealed_folder and parse_progress.
Progress check_checkpoint(const std::string& path);

// Copies the states of a checked checkpoint into `states`. Throws bad_data, before any state is
// changed, where a state is missing, has another dtype or shape, or does not belong to the model.
void load_checkpoint(const std::string& path, StateStore& states);

// The same where `states` are a model's alone, from its weights or the averages that stand for
// them; what else the checkpoint holds is left. Throws as check_choice too.
void load_checkpoint_weights(const std::string& path, StateStore& states, WeightsChoice choice);

struct FoundCheckpoint {
  std::string path;
  Progress progress;
};

// The newest checkpoint below `folder` that is whole, checked. Each newer one is damaged: `skipped`
// gets its name and what is wrong, and it is renamed to bad-NAME. Throws unsupported for one of a
// later version of Gradus.
std::optional<FoundCheckpoint> find_checkpoint(const std::string& folder,
                                               std::vector<std::string>& skipped);

}  // namespace gradus
