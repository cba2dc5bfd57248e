// SPDX-License-Identifier: Apache-2.0
#include "training/run_folder.h"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "engine/base/error.h"
#include "engine/io/atomic_file.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& path, std::string_view what) {
  failf(ErrorKind::io, path, "cannot {}: {}", what, std::strerror(errno));
}

}  // namespace

std::string run_path(const std::string& run, std::string_view name) {
  return (fs::path(run) / name).string();
}

void RunFolder::check_unused(const std::string& path) {
  GRADUS_CHECK(!path.empty(), "[run] expected the path of a folder");
  std::error_code error;
  if (fs::exists(run_path(path, run_file::weights), error))
    failf(ErrorKind::invalid_argument, path,
          "this run is finished; choose another run=DIR, or delete the folder");
  if (fs::exists(path, error) && !(fs::is_directory(path, error) && fs::is_empty(path, error)))
    failf(ErrorKind::invalid_argument, path,
          "exists already and is not empty; choose another run=DIR, or delete it");
}

RunFolder::RunFolder(std::string path) : path_(std::move(path)) {
  check_unused(path_);
  std::error_code error;
  fs::create_directories(path_, error);
  if (error) failf(ErrorKind::io, path_, "cannot make the folder: {}", error.message());
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

void RunFolder::add_metrics(std::string_view line) {
  if (!metrics_) {
    const std::string path = file(run_file::metrics);
    metrics_.reset(std::fopen(path.c_str(), "wb"));
    if (!metrics_) refuse(path, "open");
  }
  errno = 0;
  if (std::fwrite(line.data(), 1, line.size(), metrics_.get()) != line.size() ||
      std::fputc('\n', metrics_.get()) == EOF || std::fflush(metrics_.get()) != 0)
    refuse(file(run_file::metrics), "write");
}

void check_finished_run(const std::string& run) {
  std::error_code ignored;
  for (const std::string_view name : {run_file::recipe, run_file::weights})
    if (!fs::exists(run_path(run, name), ignored))
      failf(ErrorKind::not_found, run, "not the folder of a finished run: it has no {}", name);
}

std::string unused_run_path(std::string_view name) {
  for (int number = 1;; ++number) {
    std::string path = fmt::format("runs/{}-{}", name, number);
    std::error_code ignored;
    if (!fs::exists(path, ignored)) return path;
  }
}

}  // namespace gradus
