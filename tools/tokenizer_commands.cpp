// SPDX-License-Identifier: Apache-2.0
#include "tools/tokenizer_commands.h"

#include <charconv>
#include <cstdio>
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/text_files.h"
#include "data/tokenizer/tokenizer.h"
#include "data/tokenizer/tokenizer_training.h"
#include "data/tokenizer_file.h"
#include "engine/base/error.h"
#include "engine/io/atomic_file.h"
#include "tools/text_inputs.h"
#include "training/recipe_text.h"

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;

void print(const Json& json) {
  std::printf("%s\n", json.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
}

struct TrainOptions {
  std::vector<std::string> inputs;
  std::string kind = "bpe", output, field = "text", special;
  int64_t vocabulary = 8192, least_count = 2;
  bool json = false;
};

int run_train(const TrainOptions& options) {
  const std::optional<TokenizerKind> kind = parse_tokenizer_kind(options.kind);
  GRADUS_CHECK(kind, "[data tokenizer train] --kind, expected bpe or wordpiece, got '{}'",
               options.kind);
  TokenizerTrainer trainer({.kind = *kind,
                            .vocabulary = options.vocabulary,
                            .least_count = options.least_count,
                            .special = split_texts(options.special)});
  for (const TextInput& input : text_inputs(options.inputs)) {
    if (input.part == "val" || input.part == "test") continue;  // of a folder: not to be learned
    each_text(input.path, options.field, [&](std::string_view text) {
      try {
        trainer.add(text);
      } catch (const Error& error) {
        failf(error.kind(), input.path, "{}", error.what());
      }
    });
  }
  const auto tokenizer = trainer.finish();
  const std::string json = tokenizer->to_json();
  const std::string_view whole = json;
  write_file_atomically(options.output, {&whole, 1});
  if (options.json)
    print({{"output", options.output}, {"vocabulary", tokenizer->vocabulary()}});
  else
    fmt::print("{} tokens, written to {}\n", tokenizer->vocabulary(), options.output);
  return exit_success;
}

struct EncodeOptions {
  std::string tokenizer, input, field = "text";
  std::vector<std::string> texts;
  bool framed = false, json = false;
};

int run_encode(const EncodeOptions& options) {
  const auto tokenizer = read_tokenizer(options.tokenizer);
  GRADUS_CHECK(options.texts.empty() != options.input.empty(),
               "[data tokenizer encode] expected texts, or --input");
  Json json = Json::array();
  const auto take = [&](std::string_view text) {
    const std::vector<int32_t> ids = tokenizer->encode(text, options.framed);
    if (options.json)
      json.push_back({{"ids", ids}, {"text", tokenizer->decode(ids)}});
    else
      fmt::print("{}\n", fmt::join(ids, " "));
  };
  for (const std::string& text : options.texts) take(text);
  if (!options.input.empty()) each_text(options.input, options.field, take);
  if (options.json) print(json);
  return exit_success;
}

struct DecodeOptions {
  std::string tokenizer;
  std::vector<std::string> ids;
  bool special = false, json = false;
};

int run_decode(const DecodeOptions& options) {
  const auto tokenizer = read_tokenizer(options.tokenizer);
  std::vector<int32_t> ids;
  for (const std::string& text : options.ids) {
    int32_t id = -1;
    const char* end = text.data() + text.size();
    const auto [last, error] = std::from_chars(text.data(), end, id);
    GRADUS_CHECK(error == std::errc() && last == end && id >= 0 && id < tokenizer->vocabulary(),
                 "[data tokenizer decode] expected ids of 0 to {}, got '{}'",
                 tokenizer->vocabulary() - 1, text);
    ids.push_back(id);
  }
  const std::string text = tokenizer->decode(ids, !options.special);
  if (options.json)
    print({{"text", text}});
  else
    fmt::print("{}\n", text);
  return exit_success;
}

Command train_subcommand() {
  const auto options = std::make_shared<TrainOptions>();
  return {
      .name = "train",
      .doc = "Learn a tokenizer from texts and write its tokenizer.json",
      .options =
          {{"INPUT", ".txt or .jsonl files, or folders of them (without val* and test*)",
            &options->inputs, true},
           {"--kind", "bpe: of bytes, as GPT-2's; wordpiece: of lower case words, as BERT's",
            &options->kind},
           {"--vocabulary", "How many tokens to have", &options->vocabulary},
           {"--output", "The file to write", &options->output, true},
           {"--special",
            "First tokens, with commas between; <|endoftext|>, or [PAD],[UNK],[CLS],[SEP],[MASK]",
            &options->special},
           {"--least-count", "Pairs of tokens that are rarer do not become one",
            &options->least_count},
           {"--field", "Member of a .jsonl line that holds the text", &options->field},
           {"--json", "Print the result as one JSON value", &options->json}},
      .run = [options] { return run_train(*options); }};
}

Command encode_subcommand() {
  const auto options = std::make_shared<EncodeOptions>();
  return {
      .name = "encode",
      .doc = "Print the tokens of texts, a line each",
      .options = {{"TOKENIZER", "A tokenizer.json, or bytes", &options->tokenizer, true},
                  {"TEXT", "The texts", &options->texts},
                  {"--input", "A .txt or .jsonl file in their place", &options->input},
                  {"--field", "Member of a .jsonl line that holds the text", &options->field},
                  {"--framed", "With what the post-processor puts around a text", &options->framed},
                  {"--json", "Print ids and decoded texts as one JSON value", &options->json}},
      .run = [options] { return run_encode(*options); }};
}

Command decode_subcommand() {
  const auto options = std::make_shared<DecodeOptions>();
  return {.name = "decode",
          .doc = "Print the text of tokens",
          .options = {{"TOKENIZER", "A tokenizer.json, or bytes", &options->tokenizer, true},
                      {"ID", "The tokens", &options->ids, true},
                      {"--special", "Show special tokens too", &options->special},
                      {"--json", "Print the text as one JSON value", &options->json}},
          .run = [options] { return run_decode(*options); }};
}

}  // namespace

Command tokenizer_command() {
  return {.name = "tokenizer",
          .doc = "Learn tokenizers, and look at what they do",
          .commands = {train_subcommand(), encode_subcommand(), decode_subcommand()}};
}

}  // namespace gradus
