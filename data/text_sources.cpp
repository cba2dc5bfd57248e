// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>

#include "data/file_bytes.h"
#include "data/sources.h"
#include "data/text_files.h"
#include "data/token_folder.h"
#include "data/token_shard.h"
#include "data/tokenizer/code_points.h"
#include "engine/base/error.h"

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

// Tokens of texts, and what they stand for.
struct Tokenized {
  std::vector<int32_t> tokens = {};
  int64_t characters = 0;

  void add(const Tokenizer& tokenizer, std::string_view text, const std::string& path) {
    try {
      const std::vector<int32_t> more = tokenizer.encode(text);
      tokens.insert(tokens.end(), more.begin(), more.end());
    } catch (const Error& error) {
      failf(error.kind(), path, "{}", error.what());
    }
    characters += count_code_points(text);
  }
  std::unique_ptr<Dataset> dataset(const std::string& path, const TextFolder& folder) {
    const double per_character =
        characters == 0 ? 0 : static_cast<double>(tokens.size()) / static_cast<double>(characters);
    return make_text_dataset(path, std::move(tokens), folder.length, folder.tokenizer->vocabulary(),
                             per_character);
  }
};

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
  Tokenized text;
  text.add(*folder.tokenizer, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
  return text.dataset(path, folder);
}

std::unique_ptr<Dataset> load_jsonl(const TextFolder& folder, const std::string& field,
                                    Split split) {
  const std::string path = part_path(folder.path, "jsonl", split);
  Tokenized texts;
  each_text(path, field, [&](std::string_view text) {
    texts.add(*folder.tokenizer, text, path);
    texts.add(*folder.tokenizer, "\n", path);
  });
  return texts.dataset(path, folder);
}

std::unique_ptr<Dataset> load_tokens(const TextFolder& folder, int64_t vocabulary, Split split) {
  std::string part = split == Split::train ? "train" : split == Split::test ? "test" : "val";
  if (split == Split::test && shard_paths(folder.path, part).empty()) part = "val";
  const std::vector<std::string> paths = shard_paths(folder.path, part);
  if (paths.empty())
    failf(ErrorKind::not_found, folder.path, "no *.bin file with '{}' in its name", part);
  std::vector<int32_t> tokens;
  for (const std::string& path : paths) {
    const std::vector<int32_t> more = read_token_shard(path);
    for (size_t i = 0; i < more.size(); ++i)
      if (more[i] >= vocabulary)
        failf(ErrorKind::bad_data, path, "token {}, expected 0 to {}, got {}", i, vocabulary - 1,
              more[i]);
    tokens.insert(tokens.end(), more.begin(), more.end());
  }
  const PartCounts counts = read_token_counts(folder.path);
  const auto of_part = counts.find(part);
  double per_character = 0;
  if (of_part != counts.end() && of_part->second.characters > 0)
    per_character = static_cast<double>(of_part->second.tokens) /
                    static_cast<double>(of_part->second.characters);
  return make_text_dataset(folder.path, std::move(tokens), folder.length, vocabulary,
                           per_character);
}

}  // namespace gradus
