// SPDX-License-Identifier: Apache-2.0
#include "tools/text_tokens.h"

#include <cmath>
#include <filesystem>
#include <string_view>

#include "data/text_files.h"
#include "data/tokenizer/code_points.h"
#include "engine/base/error.h"
#include "engine/io/atomic_file.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

// Where the last `share` of a text begins: behind a line break, if it has one that far.
size_t cut_of(std::string_view text, double share) {
  const auto wanted = static_cast<size_t>(static_cast<double>(text.size()) * (1 - share));
  const size_t line = text.rfind('\n', wanted);
  if (line != text.npos) return line + 1;
  size_t at = wanted;
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
  return at;
}

}  // namespace

void make_token_folder(const std::string& folder, const std::string& part) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) failf(ErrorKind::io, folder, "cannot make the folder: {}", error.message());
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.ends_with(".bin") && name.find(part) != name.npos)
      failf(ErrorKind::invalid_argument, folder,
            "holds {} already, which belongs to the same part; choose another --output", name);
  }
  if (error) failf(ErrorKind::io, folder, "cannot read the folder: {}", error.message());
}

TextTokens::TextTokens(std::shared_ptr<const Tokenizer> tokenizer, TextTokensOptions options)
    : tokenizer_(std::move(tokenizer)), options_(std::move(options)) {
  if (!options_.end.empty()) {
    const std::optional<int32_t> id = tokenizer_->find(options_.end);
    GRADUS_CHECK(id, "[data tokenize] --end: the tokenizer has no token '{}'", options_.end);
    end_ = *id;
  }
  (void)ShardWriter(options_.folder, "", options_.shard);  // checks the size
  for (const char* part : {"train", "val", "test"}) make_token_folder(options_.folder, part);
}

void TextTokens::put(const std::string& part, std::string_view text, const std::string& path) {
  std::vector<int32_t> tokens;
  try {
    tokens = tokenizer_->encode(text, options_.framed);
  } catch (const Error& error) {
    failf(error.kind(), path, "{}", error.what());
  }
  if (end_ >= 0) tokens.push_back(end_);
  writers_.try_emplace(part, options_.folder, part, options_.shard).first->second.add(tokens);
  TokenCounts& counts = counts_[part];
  ++counts.documents;
  counts.characters += count_code_points(text);
  counts.bytes += static_cast<int64_t>(text.size());
  counts.tokens += static_cast<int64_t>(tokens.size());
}

// The last texts of a file are for validation; of a single one its last part.
void TextTokens::divide(const TextInput& input, const std::vector<std::string>& texts) {
  if (texts.size() == 1) {
    const size_t cut = cut_of(texts[0], options_.validation);
    put("train", std::string_view(texts[0]).substr(0, cut), input.path);
    return put("val", std::string_view(texts[0]).substr(cut), input.path);
  }
  const auto kept =
      static_cast<size_t>(std::ceil(static_cast<double>(texts.size()) * (1 - options_.validation)));
  for (size_t i = 0; i < texts.size(); ++i) put(i < kept ? "train" : "val", texts[i], input.path);
}

void TextTokens::add(const TextInput& input, const std::string& field) {
  const bool divided = input.part.empty() && options_.validation > 0;
  std::vector<std::string> texts;
  each_text(input.path, field, [&](std::string_view text) {
    if (divided)
      texts.emplace_back(text);
    else
      put(input.part.empty() ? "train" : input.part, text, input.path);
  });
  if (divided && !texts.empty()) divide(input, texts);
}

void TextTokens::write(std::string_view name, std::string_view contents) const {
  write_file_atomically(fmt::format("{}/{}", options_.folder, name), {&contents, 1});
}

PartCounts TextTokens::finish() {
  int64_t tokens = 0;
  for (auto& [part, writer] : writers_) {
    writer.finish();
    counts_[part].shards = writer.shards();
    tokens += counts_[part].tokens;
  }
  if (tokens == 0) fail(ErrorKind::bad_data, "data tokenize", "there is no text");
  write(tokenizer_file, tokenizer_->to_json());
  write(token_counts_file, token_counts_json(counts_));
  return counts_;
}

}  // namespace gradus
