// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/io/file_lock.h"

namespace gradus {

// Names of the files of a run.
namespace run_file {
inline constexpr std::string_view recipe = "recipe.toml";             // every key, resolved
inline constexpr std::string_view environment = "environment.jsonl";  // a line per process
inline constexpr std::string_view data = "data.json";                 // what prediction must know
inline constexpr std::string_view metrics = "metrics.jsonl";      // a line per step or evaluation
inline constexpr std::string_view tokenizer = "tokenizer.json";   // of a run on texts
inline constexpr std::string_view best = "best.safetensors";      // of the best validation
inline constexpr std::string_view weights = "final.safetensors";  // there when a run is finished
inline constexpr std::string_view checkpoints = "checkpoints";    // a folder per checkpoint
inline constexpr std::string_view lock = "lock";                  // there while a process trains
}  // namespace run_file

// RUN/NAME.
std::string run_path(const std::string& run, std::string_view name);

enum class RunState {
  absent,      // nothing is there, or an empty folder
  unfinished,  // begun: training goes on from its newest checkpoint, or from the first step
  finished,    // its weights are there
};

// Changes nothing. Throws invalid_argument where `path` is empty, a file, or a folder that holds
// anything but a run.
RunState look_at_run(const std::string& path);

// The folder of a run that this process trains; no other process can have it meanwhile.
class RunFolder {
 public:
  // Makes the folder where it is absent, locks it, and removes what dead processes left half
  // written. Throws as look_at_run and FileLock, and io where the system refuses.
  explicit RunFolder(std::string path);

  const std::string& path() const { return path_; }
  std::string file(std::string_view name) const { return run_path(path_, name); }
  // Throws io where the disk has less room than `bytes`, before time goes into making them.
  void expect_room(int64_t bytes) const;
  // Writes a whole file, so that it is there entirely or not at all. Throws io.
  void write(std::string_view name, std::string_view contents);

 private:
  std::string path_;
  std::unique_ptr<FileLock> lock_;
};

// Throws not_found, naming what is missing, where `run` is not the folder of a finished run.
void check_finished_run(const std::string& run);

// Throws not_found, naming what is missing, where `run` is not the folder of a finished run.
void check_finished_run(const std::string& run);

// runs/NAME-N with the smallest N from 1 that is not there yet.
std::string unused_run_path(std::string_view name);

}  // namespace gradus
