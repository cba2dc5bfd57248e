// SPDX-License-Identifier: Apache-2.0
// `gradus generate`: lets a trained language model go on from a text.
#include <unistd.h>

#include <cstdio>
#include <memory>

#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "tools/commands.h"
#include "tools/json_line.h"
#include "training/generation.h"

namespace gradus {
namespace {

struct GenerateOptions {
  std::string run;
  std::string prompt = "\n";
  int64_t tokens = 500;
  double temperature = 0.8;
  int64_t top_k = 0;
  double top_p = 1;
  int64_t seed = 1;
  int64_t threads = 0;
  bool json = false;
};

// Shows text as it comes. A terminal gets no control characters that a model may have made.
class TextOut {
 public:
  void put(std::string_view text) {
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      const bool control = (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f;
      std::fputc(terminal_ && control ? '?' : byte, stdout);
    }
    if (terminal_) std::fflush(stdout);
  }

 private:
  bool terminal_ = isatty(STDOUT_FILENO) != 0;
};

void check_output() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    fail(ErrorKind::io, "generate", "cannot write the text");
}

int run_generate(const GenerateOptions& options) {
  GRADUS_CHECK(!options.prompt.empty(), "[generate] --prompt, expected at least one character");
  GRADUS_CHECK(options.tokens >= 0, "[generate] --tokens, expected at least 0, got {}",
               options.tokens);
  GRADUS_CHECK(options.seed >= 0, "[generate] --seed, expected at least 0, got {}", options.seed);
  GRADUS_CHECK(options.threads >= 0 && options.threads <= 1024,
               "[generate] --threads, expected 0 to 1024, got {}", options.threads);
  const Sampling sampling{options.temperature, options.top_k, options.top_p,
                          static_cast<uint64_t>(options.seed)};
  check_sampling(sampling);
  const std::unique_ptr<TextReader> reader =
      TextReader::of_run(options.run, static_cast<int>(options.threads));
  const std::vector<int32_t> ids = reader->tokenizer()->encode(options.prompt);
  const std::vector<int64_t> prompt(ids.begin(), ids.end());
  TextStream stream(reader->tokenizer());
  for (const int32_t id : ids) (void)stream.add(id);
  const auto text_of = [&](int64_t token) { return stream.add(static_cast<int32_t>(token)); };
  if (options.json) {
    std::string text;
    generate(*reader, prompt, options.tokens, sampling,
             [&](int64_t token) { text += text_of(token); });
    text += stream.finish();
    const nlohmann::ordered_json json = {
        {"run", options.run}, {"prompt", options.prompt}, {"text", text}};
    std::puts(json_line(json).c_str());
  } else {
    TextOut out;
    out.put(options.prompt);
    generate(*reader, prompt, options.tokens, sampling,
             [&](int64_t token) { out.put(text_of(token)); });
    out.put(stream.finish());
    std::fputc('\n', stdout);
  }
  check_output();
  return exit_success;
}

}  // namespace

Command generate_command() {
  const auto options = std::make_shared<GenerateOptions>();
  return {
      .name = "generate",
      .doc = "Let a trained language model go on from a text",
      .options = {{"RUN", "The run folder", &options->run, true},
                  {"--prompt", "The text to go on from; a line break if not given",
                   &options->prompt},
                  {"--tokens", "How many tokens to make", &options->tokens},
                  {"--temperature", "Divides the logits; 0 takes the likeliest token",
                   &options->temperature},
                  {"--top-k", "Only the K likeliest tokens; 0: all", &options->top_k},
                  {"--top-p", "Only the likeliest tokens that together reach P", &options->top_p},
                  {"--seed", "Of the choice among tokens", &options->seed},
                  {"--threads", "0: as the recipe says", &options->threads},
                  {"--json", "Print prompt and text as one JSON object", &options->json}},
      .run = [options] { return run_generate(*options); }};
}

}  // namespace gradus
