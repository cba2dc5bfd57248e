// SPDX-License-Identifier: Apache-2.0
#include "training/text_source.h"

#include <filesystem>

#include "data/learned_tokenizer.h"
#include "data/token_folder.h"
#include "data/tokenizer_file.h"
#include "engine/base/error.h"
#include "training/run_folder.h"

namespace gradus {
namespace {

constexpr int64_t gpt2_vocabulary = 50257;

std::shared_ptr<const Tokenizer> learn(const Recipe& recipe, const TokenizerTraining& training) {
  const std::string& format = recipe.text("data.format");
  GRADUS_CHECK(format != "tokens",
               "[data.tokenizer] one is learned from texts; for shards, expected a file, got '{}'",
               recipe.text("data.tokenizer"));
  const bool lines = format == "jsonl";
  return learn_tokenizer(recipe.text("data.path"), lines ? "jsonl" : "txt",
                         lines ? recipe.text("data.field") : "", training);
}

}  // namespace

std::shared_ptr<const Tokenizer> load_tokenizer(const Recipe& recipe) {
  if (!recipe.has("data.tokenizer")) return nullptr;
  const std::string& wanted = recipe.text("data.tokenizer");
  if (const auto training = parse_learned_tokenizer(wanted)) return learn(recipe, *training);
  if (wanted != "auto") return read_tokenizer(wanted);
  const std::string beside = fmt::format("{}/{}", recipe.text("data.path"), tokenizer_file);
  std::error_code ignored;
  if (std::filesystem::exists(beside, ignored)) return read_tokenizer(beside);
  return recipe.text("data.format") == "tokens" ? nullptr : Tokenizer::bytes();
}

int64_t vocabulary_of(const Recipe& recipe, const Tokenizer* tokenizer) {
  const int64_t known = tokenizer ? tokenizer->vocabulary() : gpt2_vocabulary;
  if (!recipe.has("data.vocabulary")) return known;
  const int64_t wanted = recipe.integer("data.vocabulary");
  GRADUS_CHECK(!tokenizer || wanted == 0 || wanted >= known,
               "[data.vocabulary] expected at least the {} tokens of the tokenizer, got {}", known,
               wanted);
  return wanted == 0 ? known : wanted;
}

Recipe load_run_recipe(const std::string& run) {
  const std::string path = run_path(run, run_file::recipe);
  const std::string tokenizer = run_path(run, run_file::tokenizer);
  std::error_code ignored;
  if (!std::filesystem::exists(tokenizer, ignored)) return load_recipe(path);
  return load_recipe(path, {"data.tokenizer=" + tokenizer});
}

}  // namespace gradus
