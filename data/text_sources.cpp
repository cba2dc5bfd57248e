// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "data/file_bytes.h"
#include "data/sources.h"
#include "data/token_shard.h"
#include "engine/base/error.h"
#include "engine/base/utf8.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

// FOLDER/train.ENDING and so on; val for the test where there is no test file.
std::string part_path(const std::string& folder, std::string_view ending, Split split) {
  const auto path = [&](const char* name) {
    return find_packed(fmt::format("{}/{}.{}", folder, name, ending));
  };
  if (split == Split::train) return path("train");
  const std::string test = path("test");
  std::error_code ignored;
  return split == Split::test && fs::exists(test, ignored) ? test : path("val");
}

// The text of one line of a jsonl file, at the end of `tokens`.
void add_line(std::string_view line, const std::string& field, const std::string& place,
              std::vector<int32_t>& tokens) {
  if (!is_utf8(line)) fail(ErrorKind::bad_data, place, "not UTF-8");
  const nlohmann::json object = nlohmann::json::parse(line, nullptr, false);
  if (object.is_discarded() || !object.is_object())
    failf(ErrorKind::bad_data, place, "expected a JSON object, got '{}'", line.substr(0, 60));
  const auto found = object.find(field);
  if (found == object.end() || !found->is_string())
    failf(ErrorKind::bad_data, place, "expected a member '{}' that is a text", field);
  for (const char c : found->get_ref<const std::string&>())
    tokens.push_back(static_cast<unsigned char>(c));
  tokens.push_back('\n');
}

std::vector<std::string> shard_paths(const std::string& folder, std::string_view part) {
  std::vector<std::string> paths;
  std::error_code error;
  for (fs::directory_iterator file(folder, error), end; !error && file != end;
       file.increment(error)) {
    const std::string name = file->path().filename().string();
    if (name.ends_with(".bin") && name.find(part) != std::string::npos)
      paths.push_back(file->path().string());
  }
  std::ranges::sort(paths);
  return paths;
}

}  // namespace

std::unique_ptr<Dataset> load_text(const TextFolder& folder, Split split) {
  const std::string path = part_path(folder.path, "txt", split);
  const std::vector<uint8_t> bytes = read_bytes(path);
  return make_text_dataset(path, {bytes.begin(), bytes.end()}, folder.length, byte_vocabulary);
}

std::unique_ptr<Dataset> load_jsonl(const TextFolder& folder, const std::string& field,
                                    Split split) {
  const std::string path = part_path(folder.path, "jsonl", split);
  const std::vector<uint8_t> bytes = read_bytes(path);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::vector<int32_t> tokens;
  int64_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    ++number;
    if (line.find_first_not_of(" \t\r") != std::string_view::npos)
      add_line(line, field, fmt::format("{}:{}", path, number), tokens);
    begin = end + 1;
  }
  return make_text_dataset(path, std::move(tokens), folder.length, byte_vocabulary);
}

std::unique_ptr<Dataset> load_tokens(const TextFolder& folder, int64_t vocabulary, Split split) {
  std::vector<std::string> paths = shard_paths(folder.path, split == Split::train  ? "train"
                                                            : split == Split::test ? "test"
                                                                                   : "val");
  if (paths.empty() && split == Split::test) paths = shard_paths(folder.path, "val");
  if (paths.empty())
    failf(ErrorKind::not_found, folder.path, "no *.bin file with '{}' in its name",
          split == Split::train ? "train" : "val");
  std::vector<int32_t> tokens;
  for (const std::string& path : paths) {
    const std::vector<int32_t> more = read_token_shard(path);
    for (size_t i = 0; i < more.size(); ++i)
      if (more[i] >= vocabulary)
        failf(ErrorKind::bad_data, path, "token {}, expected 0 to {}, got {}", i, vocabulary - 1,
              more[i]);
    tokens.insert(tokens.end(), more.begin(), more.end());
  }
  return make_text_dataset(folder.path, std::move(tokens), folder.length, vocabulary);
}

}  // namespace gradus
