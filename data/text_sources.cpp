// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <optional>

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

// The tokens of a part of the data.
class TokenStream {
 public:
  TokenStream(const TextFolder& folder, std::string path)
      : folder_(folder), path_(std::move(path)) {
    if (folder.document_end.empty()) return;
    const std::optional<int32_t> id =
        folder.tokenizer ? folder.tokenizer->find(folder.document_end) : std::nullopt;
    GRADUS_CHECK(id, "[data.document_end] the tokenizer has no token '{}'", folder.document_end);
    end_ = *id;
  }

  void add(std::string_view text) {
    try {
      const std::vector<int32_t> more = folder_.tokenizer->encode(text);
      documents_.tokens.insert(documents_.tokens.end(), more.begin(), more.end());
    } catch (const Error& error) {
      failf(error.kind(), path_, "{}", error.what());
    }
    characters_ += count_code_points(text);
  }
  void add(const std::vector<int32_t>& more) {
    documents_.tokens.insert(documents_.tokens.end(), more.begin(), more.end());
  }
  void end_document() {
    if (end_ >= 0)
      documents_.tokens.push_back(end_);
    else
      add("\n");
    documents_.end();
  }
  // Of tokens that nobody has divided yet.
  void divide() {
    for (size_t i = 0; i < documents_.tokens.size(); ++i)
      if (documents_.tokens[i] == end_) documents_.ends.push_back(i + 1);
    documents_.end();
  }
  double per_character() const {
    const auto tokens = static_cast<double>(documents_.tokens.size());
    return characters_ == 0 ? 0 : tokens / static_cast<double>(characters_);
  }

  std::unique_ptr<Dataset> dataset(int64_t vocabulary, double per_character) {
    if (folder_.packing == Packing::stream)
      return make_text_dataset(path_, std::move(documents_.tokens), folder_.length, vocabulary,
                               per_character);
    return make_packed_dataset(path_, std::move(documents_), folder_.length, folder_.packing,
                               vocabulary, per_character, folder_.buckets);
  }

 private:
  const TextFolder& folder_;
  std::string path_;
  int32_t end_ = -1;
  Documents documents_;
  int64_t characters_ = 0;
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
  TokenStream tokens(folder, path);
  tokens.add(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  tokens.divide();
  return tokens.dataset(folder.tokenizer->vocabulary(), tokens.per_character());
}

std::unique_ptr<Dataset> load_jsonl(const TextFolder& folder, const std::string& field,
                                    Split split) {
  const std::string path = part_path(folder.path, "jsonl", split);
  TokenStream tokens(folder, path);
  each_text(path, field, [&](std::string_view text) {
    tokens.add(text);
    tokens.end_document();
  });
  return tokens.dataset(folder.tokenizer->vocabulary(), tokens.per_character());
}

std::unique_ptr<Dataset> load_tokens(const TextFolder& folder, int64_t vocabulary, Split split) {
  std::string part = split == Split::train ? "train" : split == Split::test ? "test" : "val";
  if (split == Split::test && shard_paths(folder.path, part).empty()) part = "val";
  const std::vector<std::string> paths = shard_paths(folder.path, part);
  if (paths.empty())
    failf(ErrorKind::not_found, folder.path, "no *.bin file with '{}' in its name", part);
  TokenStream tokens(folder, folder.path);
  for (const std::string& path : paths) {
    const std::vector<int32_t> more = read_token_shard(path);
    for (size_t i = 0; i < more.size(); ++i)
      if (more[i] >= vocabulary)
        failf(ErrorKind::bad_data, path, "token {}, expected 0 to {}, got {}", i, vocabulary - 1,
              more[i]);
    tokens.add(more);
  }
  tokens.divide();
  const PartCounts counts = read_token_counts(folder.path);
  const auto of_part = counts.find(part);
  double per_character = 0;
  if (of_part != counts.end() && of_part->second.characters > 0)
    per_character = static_cast<double>(of_part->second.tokens) /
                    static_cast<double>(of_part->second.characters);
  return tokens.dataset(vocabulary, per_character);
}

}  // namespace gradus
