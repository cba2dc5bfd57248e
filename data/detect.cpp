// SPDX-License-Identifier: Apache-2.0
#include "data/detect.h"

#include <filesystem>

#include "data/file_bytes.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

struct Sign {
  const char* file;  // whose presence in a folder tells the format
  const char* format;
};
constexpr Sign signs[] = {{"train-images-idx3-ubyte", "idx"},
                          {"data_batch_1.bin", "cifar"},
                          {"train.bin", "cifar"},
                          {"edges.csv", "graph"},
                          {"edges.tsv", "graph"},
                          {"train.csv", "csv"},
                          {"train.tsv", "csv"},
                          {"train.txt", "text"},
                          {"train.jsonl", "jsonl"},
                          {"x.npy", "npy"},
                          {"x_train.npy", "npy"}};

bool is_there(const std::string& path) {
  std::error_code ignored;
  return fs::exists(find_packed(path), ignored);
}

// A folder in which another lies, or a file with this ending.
bool holds(const std::string& path, bool folder, std::string_view ending) {
  std::error_code error, ignored;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error))
    if (folder ? entry->is_directory(ignored) : entry->path().extension().string() == ending)
      return true;
  return false;
}

}  // namespace

std::string detect_format(const std::string& path) {
  std::error_code ignored;
  if (!is_there(path)) failf(ErrorKind::not_found, path, "no such file or folder");
  if (!fs::is_directory(path, ignored)) {
    std::string name = path;
    if (name.ends_with(".gz")) name.resize(name.size() - 3);
    if (name.ends_with(".csv") || name.ends_with(".tsv")) return "csv";
    if (name.ends_with(".npz")) return "npz";
    fail(ErrorKind::bad_data, path, "expected a .csv, .tsv or .npz file, or a folder");
  }
  for (const Sign& sign : signs)
    if (is_there(path + "/" + sign.file)) return sign.format;
  if (holds(path, false, ".bin")) return "tokens";
  if (holds(path, true, "")) return "images";
  fail(ErrorKind::bad_data, path, "no format that is known; data.format in a recipe names one");
}

}  // namespace gradus
