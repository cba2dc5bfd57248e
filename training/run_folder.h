// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

namespace gradus {

// Names of the files of a run.
namespace run_file {
inline constexpr std::string_view recipe = "recipe.toml";         // every key, resolved
inline constexpr std::string_view metrics = "metrics.jsonl";      // a line per step or evaluation
inline constexpr std::string_view weights = "final.safetensors";  // there when a run is finished
}  // namespace run_file

// RUN/NAME.
std::string run_path(const std::string& run, std::string_view name);

// The folder of a run that is being made. Nothing in it is ever overwritten.
class RunFolder {
 public:
  // Throws invalid_argument where the folder exists and holds anything.
  static void check_unused(const std::string& path);
  // check_unused, then makes the folder. Throws io where the system refuses.
  explicit RunFolder(std::string path);

  const std::string& path() const { return path_; }
  std::string file(std::string_view name) const { return run_path(path_, name); }
  // Throws io where the disk has less room than `bytes`, before time goes into making them.
  void expect_room(int64_t bytes) const;
  // Writes a whole file, so that it is there entirely or not at all. Throws io.
  void write(std::string_view name, std::string_view contents);
  // Adds a line to metrics.jsonl; it has reached the system when this returns. Throws io.
  void add_metrics(std::string_view line);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  std::string path_;
  std::unique_ptr<std::FILE, Close> metrics_;
};

// Throws not_found, naming what is missing, where `run` is not the folder of a finished run.
void check_finished_run(const std::string& run);

// runs/NAME-N with the smallest N from 1 that is not there yet.
std::string unused_run_path(std::string_view name);

}  // namespace gradus
