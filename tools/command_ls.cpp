// SPDX-License-Identifier: Apache-2.0
// `gradus ls`: what is in a run, a checkpoint or a file of tensors.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "tools/commands.h"
#include "tools/json_line.h"
#include "tools/progress_line.h"
#include "tools/run_table.h"
#include "tools/tensor_files.h"
#include "training/run_folder.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct LsOptions {
  std::string path;
  bool verify = false;
  bool json = false;
};

struct Entry {
  std::string name;
  int64_t bytes = 0;
};

// Files and folders of a run, folders with the bytes below them.
std::vector<Entry> entries_of(const std::string& folder) {
  std::vector<Entry> entries;
  std::error_code error, ignored;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = fs::relative(entry->path(), folder, ignored).generic_string();
    if (entry->is_regular_file(ignored))
      entries.push_back({name, static_cast<int64_t>(entry->file_size(ignored))});
  }
  if (error) failf(ErrorKind::io, folder, "cannot list: {}", error.message());
  std::ranges::sort(entries, {}, &Entry::name);
  return entries;
}

// The total of elements, where sizes are those of a file whose header was checked.
int64_t elements(const TensorInfo& tensor) {
  int64_t count = 1;
  for (const int64_t size : tensor.shape) count *= size;
  return count;
}

Json to_json(const TensorListing& list, const LsOptions& options) {
  Json json = {{"path", options.path},    {"kind", kind_name(list.kind)},
               {"file", list.path},       {"bytes", list.bytes},
               {"hashed", list.hashed},   {"metadata", list.metadata},
               {"tensors", Json::array()}};
  if (options.verify) json["verified"] = true;
  for (const TensorInfo& tensor : list.tensors)
    json["tensors"].push_back({{"name", tensor.name},
                               {"dtype", tensor.dtype},
                               {"shape", tensor.shape},
                               {"bytes", tensor.bytes}});
  return json;
}

Json run_json(const std::string& run) {
  Json files = Json::array();
  for (const Entry& entry : entries_of(run))
    files.push_back({{"name", entry.name}, {"bytes", entry.bytes}});
  return files;
}

void print_tensors(const TensorListing& list) {
  std::vector<std::vector<std::string>> rows = {{"tensor", "dtype", "shape", "bytes"}};
  int64_t count = 0, bytes = 0;
  for (const TensorInfo& tensor : list.tensors) {
    rows.push_back({tensor.name, tensor.dtype, fmt::format("({})", fmt::join(tensor.shape, ", ")),
                    fmt::to_string(tensor.bytes)});
    count += elements(tensor);
    bytes += tensor.bytes;
  }
  fmt::print("{}{} tensors, {} numbers, {}\n", to_columns(rows), list.tensors.size(), count,
             bytes_text(static_cast<double>(bytes)));
  for (const auto& [key, value] : list.metadata) fmt::print("{}: {}\n", key, value);
}

void print_run(const std::string& run, bool finished) {
  std::vector<std::vector<std::string>> rows = {{"file", "bytes"}};
  for (const Entry& entry : entries_of(run))
    rows.push_back({entry.name, fmt::to_string(entry.bytes)});
  fmt::print("a {} run\n{}", finished ? "finished" : "not finished", to_columns(rows));
}

int run_ls(const LsOptions& options) {
  const TensorFileKind kind = kind_of_path(options.path);
  const bool is_run = kind == TensorFileKind::run;
  if (is_run && look_at_run(options.path) != RunState::finished) {
    GRADUS_CHECK(!options.verify,
                 "[ls] --verify: this run is not finished; verify its checkpoints");
    if (options.json)
      fmt::print("{}\n", json_line({{"path", options.path},
                                    {"kind", "run"},
                                    {"finished", false},
                                    {"files", run_json(options.path)}}));
    else
      print_run(options.path, false);
    return exit_success;
  }
  if (options.verify) load_tensors(options.path);
  const TensorListing list = list_tensors(options.path);
  if (options.json) {
    Json json = to_json(list, options);
    if (is_run) {
      json["finished"] = true;
      json["files"] = run_json(options.path);
    }
    fmt::print("{}\n", json_line(json));
    return exit_success;
  }
  if (is_run) {
    print_run(options.path, true);
    fmt::print("\n");
  }
  print_tensors(list);
  if (options.verify)
    fmt::print("{}\n", list.hashed ? "the hash is right" : "read; there is no hash");
  return exit_success;
}

}  // namespace

Command ls_command() {
  const auto options = std::make_shared<LsOptions>();
  return {.name = "ls",
          .doc = "List what a run, a checkpoint or a file of tensors holds",
          .options =
              {{"PATH",
                "A run, a checkpoint, a .safetensors, .npz, .npy or token file, a folder of tokens",
                &options->path, true},
               {"--verify", "Read everything and compare its hash", &options->verify},
               {"--json", "Print one JSON object", &options->json}},
          .run = [options] { return run_ls(*options); }};
}

}  // namespace gradus
