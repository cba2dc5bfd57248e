// SPDX-License-Identifier: Apache-2.0
#include "tools/text_inputs.h"

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "engine/base/error.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

bool is_text(std::string_view name) {
  if (name.ends_with(".gz")) name.remove_suffix(3);
  return name.ends_with(".txt") || name.ends_with(".jsonl");
}

std::string part_of(const std::string& name) {
  for (const char* part : {"train", "val", "test"})
    if (name.starts_with(part)) return part;
  return "";
}

std::vector<TextInput> texts_in(const std::string& folder) {
  std::vector<TextInput> inputs;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (is_text(name)) inputs.push_back({entry->path().string(), part_of(name)});
  }
  if (error) failf(ErrorKind::io, folder, "cannot read the folder: {}", error.message());
  if (inputs.empty()) fail(ErrorKind::not_found, folder, "no .txt or .jsonl file in this folder");
  std::ranges::sort(inputs, {}, &TextInput::path);
  return inputs;
}

}  // namespace

std::vector<TextInput> text_inputs(const std::vector<std::string>& paths) {
  std::vector<TextInput> inputs;
  for (const std::string& path : paths) {
    std::error_code ignored;
    if (!fs::exists(path, ignored)) fail(ErrorKind::not_found, path, "no such file or folder");
    if (fs::is_directory(path, ignored)) {
      const std::vector<TextInput> more = texts_in(path);
      inputs.insert(inputs.end(), more.begin(), more.end());
    } else if (is_text(path)) {
      inputs.push_back({path, ""});
    } else {
      fail(ErrorKind::bad_data, path, "expected a .txt or .jsonl file, or a folder");
    }
  }
  return inputs;
}

}  // namespace gradus
