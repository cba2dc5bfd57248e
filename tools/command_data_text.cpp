// SPDX-License-Identifier: Apache-2.0
// `gradus data tokenize` and `gradus data shard`: texts to token shards.
#include <cstdio>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/token_folder.h"
#include "data/token_shard.h"
#include "data/tokenizer/tokenizer.h"
#include "data/tokenizer_file.h"
#include "engine/base/error.h"
#include "tools/commands.h"
#include "tools/text_inputs.h"
#include "tools/text_tokens.h"
#include "tools/tokenizer_commands.h"

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;

struct TokenizeOptions {
  std::vector<std::string> inputs;
  std::string tokenizer = "bytes", output, field = "text", end;
  double validation = 0;
  int64_t shard = 100'000'000;
  bool framed = false, json = false;
};

void print_counts(const std::string& output, const PartCounts& counts, bool as_json) {
  Json json = {{"output", output}};
  for (const auto& [part, of] : counts) {
    json[part] = {{"documents", of.documents},
                  {"characters", of.characters},
                  {"bytes", of.bytes},
                  {"tokens", of.tokens},
                  {"shards", of.shards}};
    if (!as_json)
      fmt::print("{:<6} {} documents, {} characters, {} tokens in {} shards\n", part, of.documents,
                 of.characters, of.tokens, of.shards);
  }
  if (as_json)
    std::printf("%s\n", json.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
  else
    fmt::print("written to {}: train on it with data.format=tokens data.path={}\n", output, output);
}

int run_tokenize(const TokenizeOptions& options) {
  GRADUS_CHECK(options.validation >= 0 && options.validation < 1,
               "[data tokenize] --validation, expected 0 to below 1, got {}", options.validation);
  const auto tokenizer = read_tokenizer(options.tokenizer);
  const std::vector<TextInput> inputs = text_inputs(options.inputs);
  TextTokens tokens(tokenizer, {.folder = options.output,
                                .end = options.end,
                                .validation = options.validation,
                                .shard = options.shard,
                                .framed = options.framed});
  for (const TextInput& input : inputs) tokens.add(input, options.field);
  print_counts(options.output, tokens.finish(), options.json);
  return exit_success;
}

struct ShardOptions {
  std::vector<std::string> inputs;
  std::string output, part = "train";
  int64_t tokens = 100'000'000;
  bool json = false;
};

int run_shard(const ShardOptions& options) {
  GRADUS_CHECK(options.part == "train" || options.part == "val" || options.part == "test",
               "[data shard] --part, expected train, val or test, got '{}'", options.part);
  ShardWriter writer(options.output, options.part, options.tokens);
  make_token_folder(options.output, options.part);
  int64_t tokens = 0;
  for (const std::string& path : options.inputs) {
    const std::vector<int32_t> more = read_token_shard(path);
    writer.add(more);
    tokens += static_cast<int64_t>(more.size());
  }
  writer.finish();
  if (options.json)
    std::printf("%s\n", Json{{"tokens", tokens}, {"shards", writer.shards()}}.dump().c_str());
  else
    fmt::print("{} tokens in {} shards\n", tokens, writer.shards());
  return exit_success;
}

Command tokenize_command() {
  const auto options = std::make_shared<TokenizeOptions>();
  return {
      .name = "tokenize",
      .doc = "Turn texts into token shards",
      .options = {{"INPUT",
                   ".txt files (a document each), .jsonl files (one a line), or folders of them",
                   &options->inputs, true},
                  {"--tokenizer", "A tokenizer.json, or bytes", &options->tokenizer},
                  {"--output", "The folder for shards, tokenizer.json and tokens.json",
                   &options->output, true},
                  {"--validation",
                   "Share of the texts, at their end, that becomes the validation part",
                   &options->validation},
                  {"--end", "The token to put behind each document", &options->end},
                  {"--framed", "Also put what the tokenizer's post-processor puts around a text",
                   &options->framed},
                  {"--field", "Member of a .jsonl line that holds the text", &options->field},
                  {"--shard", "Tokens a file, at most", &options->shard},
                  {"--json", "Print the counts as one JSON value", &options->json}},
      .run = [options] { return run_tokenize(*options); }};
}

Command shard_command() {
  const auto options = std::make_shared<ShardOptions>();
  return {
      .name = "shard",
      .doc = "Cut token files into shards of another size",
      .options = {{"INPUT", "Token files (.bin), in this order", &options->inputs, true},
                  {"--output", "The folder for the shards", &options->output, true},
                  {"--part", "train, val or test: the beginning of their names", &options->part},
                  {"--tokens", "Tokens a file, at most", &options->tokens},
                  {"--json", "Print the counts as one JSON value", &options->json}},
      .run = [options] { return run_shard(*options); }};
}

}  // namespace

std::vector<Command> text_commands() {
  return {tokenize_command(), shard_command(), tokenizer_command()};
}

}  // namespace gradus
