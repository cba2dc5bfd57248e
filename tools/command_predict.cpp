// SPDX-License-Identifier: Apache-2.0
// `gradus predict`: what a trained model says of files, folders, tables and texts.
#include <cstdio>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/io/atomic_file.h"
#include "tools/commands.h"
#include "tools/predict_inputs.h"
#include "tools/predict_output.h"
#include "tools/predict_text.h"
#include "training/predictor.h"
#include "training/run_folder.h"

namespace gradus {
namespace {

struct PredictOptions {
  std::string run, output, weights, checkpoint;
  std::vector<std::string> inputs;
  int64_t top = 1, threads = 0, passes = 0, seed = -1;
  double temperature = 1;
  bool json = false;
};

void check(const PredictOptions& options) {
  GRADUS_CHECK(options.top >= 1 && options.top <= 1'000'000,
               "[predict] --top, expected at least 1, got {}", options.top);
  GRADUS_CHECK(options.threads >= 0 && options.threads <= 1024,
               "[predict] --threads, expected 0 to 1024, got {}", options.threads);
  GRADUS_CHECK(options.passes == 0 || (options.passes >= 2 && options.passes <= 1'000'000),
               "[predict] --mc-dropout, expected 2 to 1000000 passes, got {}", options.passes);
  GRADUS_CHECK(options.seed >= -1, "[predict] --seed, expected at least 0, got {}", options.seed);
  GRADUS_CHECK(options.seed < 0 || options.passes > 0,
               "[predict] --seed belongs to --mc-dropout; nothing else is drawn");
}

// Prints or writes what was found. A table is as long as its rows, and a pipe wants them as they
// come, so that lines of text are printed at once and the other forms at the end.
class Output {
 public:
  Output(const PredictOptions& options, const DataCard& card) : options_(options), card_(card) {}

  void add(PredictionRow row) {
    if (!row.fault.empty()) {
      ++faults_;
      std::fprintf(stderr, "predict: %s\n", row.fault.c_str());
    } else if (options_.output.empty() && !options_.json) {
      fmt::print("{}\n", prediction_text(row));
    }
    if (!options_.output.empty() || options_.json) rows_.push_back(std::move(row));
  }

  int finish() const {
    if (!options_.output.empty()) {
      const std::string text = options_.json ? predictions_json(rows_, card_) + "\n"
                                             : predictions_csv(rows_, card_, form());
      const std::string_view parts[] = {text};
      write_file_atomically(options_.output, parts);
      fmt::print(stderr, "predict: {} samples, {} could not be read; {}\n",
                 static_cast<int64_t>(rows_.size()) - faults_, faults_, options_.output);
    } else if (options_.json) {
      fmt::print("{}\n", predictions_json(rows_, card_));
    }
    return faults_ > 0 ? exit_failure : exit_success;
  }

 private:
  PredictionForm form() const { return {options_.top, options_.passes > 0}; }

  const PredictOptions& options_;
  const DataCard& card_;
  std::vector<PredictionRow> rows_;
  int64_t faults_ = 0;
};

int predict_samples(const PredictOptions& options, const RunWeights& weights) {
  Predictor predictor(options.run, weights, static_cast<int>(options.threads));
  predictor.set_temperature(options.temperature);
  if (options.passes > 0)
    predictor.draw_dropout(
        options.passes, static_cast<uint64_t>(options.seed < 0 ? predictor.recipe().integer("seed")
                                                               : options.seed));
  const DataCard& card = predictor.card();
  Output output(options, card);
  const InputVisitor visitor = {
      .samples =
          [&](const Dataset& samples, const std::vector<SamplePlace>& places) {
            const auto place = [&](int64_t sample) { return places[static_cast<size_t>(sample)]; };
            predictor.run(
                samples,
                [&](int64_t sample, const Predictor::Answer& answer) {
                  output.add(prediction_row(card, place(sample), answer, options.top));
                },
                [&](int64_t sample) {
                  output.add({.place = place(sample),
                              .fault = fmt::format("[{}] the model's answer is not finite",
                                                   place(sample).text())});
                });
          },
      .fault = [&](const SamplePlace& place,
                   const std::string& message) { output.add({.place = place, .fault = message}); }};
  read_inputs(input_files(options.inputs, card), card, predictor.recipe(), visitor);
  return output.finish();
}

int run_predict(const PredictOptions& options) {
  check(options);
  const RunWeights weights{parse_checkpoint_choice(options.checkpoint),
                           parse_weights_choice(options.weights)};
  recipe_of_run(options.run, weights);  // says what is wrong with a run before its data card
  const DataCard card = load_data_card(options.run);
  if (!card.tokens) return predict_samples(options, weights);
  GRADUS_CHECK(options.checkpoint.empty() && options.weights.empty(),
               "[predict] --checkpoint and --weights are not for runs that learnt text");
  GRADUS_CHECK(options.temperature == 1,
               "[predict] --temperature is for runs that learnt classes, this one learnt text");
  GRADUS_CHECK(options.passes == 0,
               "[predict] --mc-dropout is for runs that learnt classes or numbers, this one learnt "
               "text");
  return predict_text({options.run, input_files(options.inputs, card), options.output, options.top,
                       static_cast<int>(options.threads), options.json});
}

}  // namespace

Command predict_command() {
  const auto options = std::make_shared<PredictOptions>();
  return {
      .name = "predict",
      .doc = "Say what a trained model makes of images, arrays, tables or texts",
      .options = {{"RUN", "The run folder", &options->run, true},
                  {"INPUTS", "Files, or folders of such files", &options->inputs, true},
                  {"--top", "How many of the likeliest classes (of texts: next tokens)",
                   &options->top},
                  {"--temperature", "Divides logits: above 1 probabilities come closer together",
                   &options->temperature},
                  {"--mc-dropout", "Mean and spread of so many passes with dropout; 0: one without",
                   &options->passes},
                  {"--seed", "Of the dropout; without it the recipe's", &options->seed},
                  {"--output", "A file to write, as CSV or, with --json, JSON", &options->output},
                  {"--checkpoint",
                   "A checkpoint: its optimizer step, or best; in place of the final weights",
                   &options->checkpoint},
                  {"--weights", "raw or average; without it averages where the run keeps them",
                   &options->weights},
                  {"--threads", "0: as the recipe says", &options->threads},
                  {"--json", "Print one JSON array", &options->json}},
      .run = [options] { return run_predict(*options); }};
}

}  // namespace gradus
