// SPDX-License-Identifier: Apache-2.0
#include "training/run_folder.h"

#include <filesystem>
#include <vector>

#include "engine/base/error.h"
#include "engine/io/atomic_file.h"
#include "engine/io/output_file.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

// What write_file_atomically leaves of a file of ours when its process is killed.
bool is_half_written(const std::string& name) {
  if (!name.ends_with(".tmp")) return false;
  for (std::string_view file : {run_file::recipe, run_file::environment, run_file::tokenizer,
                                run_file::data, run_file::best, run_file::weights})
    if (name.starts_with(file) && name.size() > file.size() + 4 && name[file.size()] == '.')
      return true;
  return false;
}

std::vector<std::string> names_in(const std::string& path) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error))
    names.push_back(entry->path().filename().string());
  if (error) failf(ErrorKind::io, path, "cannot read the folder: {}", error.message());
  return names;
}

void make_folder(const std::string& path) {
  std::error_code error;
  if (fs::create_directories(path, error)) {
    const std::string parent = fs::absolute(path, error).parent_path().string();
    if (!error) flush_folder(parent);
  } else if (error) {
    failf(ErrorKind::io, path, "cannot make the folder: {}", error.message());
  }
}

}  // namespace

std::string run_path(const std::string& run, std::string_view name) {
  return (fs::path(run) / name).string();
}

RunState look_at_run(const std::string& path) {
  GRADUS_CHECK(!path.empty(), "[run] expected the path of a folder");
  std::error_code error;
  if (!fs::exists(path, error) && !error) return RunState::absent;
  if (!fs::is_directory(path, error))
    fail(ErrorKind::invalid_argument, path,
         "exists already and is not a folder; choose another run=DIR");
  bool recipe = false, weights = false, other = false;
  for (const std::string& name : names_in(path)) {
    recipe |= name == run_file::recipe;
    weights |= name == run_file::weights;
    other |= name != run_file::lock && !is_half_written(name);
  }
  if (other && !recipe)
    failf(ErrorKind::invalid_argument, path,
          "is not empty and not the folder of a run (it has no {}); choose another run=DIR",
          run_file::recipe);
  if (!recipe) return RunState::absent;
  return weights ? RunState::finished : RunState::unfinished;
}

RunFolder::RunFolder(std::string path) : path_(std::move(path)) {
  look_at_run(path_);
  make_folder(path_);
  lock_ = std::make_unique<FileLock>(file(run_file::lock));
  look_at_run(path_);  // it may have changed before it was locked
  std::error_code ignored;
  for (const std::string& name : names_in(path_))
    if (is_half_written(name)) fs::remove(file(name), ignored);
}

void RunFolder::expect_room(int64_t bytes) const {
  std::error_code error;
  const fs::space_info disk = fs::space(path_, error);
  if (error || disk.available >= static_cast<uintmax_t>(bytes))
    return;  // the write itself will say
  failf(ErrorKind::io, path_,
        "no disk space: the weights of the finished run take {} bytes, {} are free; choose another "
        "run=DIR",
        bytes, disk.available);
}

void RunFolder::write(std::string_view name, std::string_view contents) {
  write_file_atomically(file(name), {&contents, 1});
}

void check_finished_run(const std::string& run) {
  std::error_code ignored;
  if (!fs::exists(run_path(run, run_file::recipe), ignored))
    failf(ErrorKind::not_found, run, "not the folder of a run: it has no {}", run_file::recipe);
  if (!fs::exists(run_path(run, run_file::weights), ignored))
    failf(ErrorKind::not_found, run,
          "this run is not finished: it has no {}; the `gradus train` command that began it "
          "finishes it",
          run_file::weights);
}

std::string unused_run_path(std::string_view name) {
  for (int number = 1;; ++number) {
    std::string path = fmt::format("runs/{}-{}", name, number);
    std::error_code ignored;
    if (!fs::exists(path, ignored)) return path;
  }
}

}  // namespace gradus
