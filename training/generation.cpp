// SPDX-License-Identifier: Apache-2.0
#include "training/generation.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "ops/ops.h"
#include "training/model_factory.h"
#include "training/precision.h"
#include "training/program.h"
#include "training/run_folder.h"
#include "training/text_source.h"
#include "training/weights.h"

namespace gradus {
namespace {

bool reads_input(const Graph& graph, std::string_view name) {
  const auto is_it = [&](const ValueRef& value) {
    return value.present() && graph.node(value.node).kind == NodeKind::input &&
           graph.node(value.node).name == name;
  };
  return std::ranges::any_of(
      graph.nodes(), [&](const Node& node) { return std::ranges::any_of(node.inputs, is_it); });
}

}  // namespace

std::shared_ptr<const Graph> decoding_graph(const Model& model, int64_t capacity, DType dtype,
                                            ParameterTable& parameters) {
  auto graph = std::make_shared<Graph>();
  const Decoding decoding{graph->input("position", DType::i64, {}), capacity};
  Place place{*graph, parameters, dtype, false, &decoding};
  const Value logits = model(place, graph->input("token", DType::i64, {1, 1}));
  graph->output("logits", reshape(logits, {logits.shape()[logits.rank() - 1]}));
  return prepared(graph);
}

TextReader::TextReader(const Model& model, int64_t capacity, DType dtype, Device& device,
                       const std::function<void(const ParameterTable&, StateStore&)>& load)
    : capacity_(capacity), states_(device), arena_(device) {
  GRADUS_CHECK(capacity > 0, "[generate] tokens to look back on, expected at least 1, got {}",
               capacity);
  program_.emplace(decoding_graph(model, capacity, dtype, parameters_), states_, arena_);
  has_positions_ = reads_input(program_->graph(), "position");
  load(parameters_, states_);
}

std::unique_ptr<TextReader> TextReader::of_run(const std::string& run, int threads) {
  check_finished_run(run);
  const Recipe recipe = load_run_recipe(run);
  const std::shared_ptr<const Tokenizer> tokenizer = load_tokenizer(recipe);
  if (!recipe.has("data.tokenizer"))
    failf(ErrorKind::invalid_argument, run,
          "this run's model does not read text (data.format = '{}')", recipe.text("data.format"));
  if (!tokenizer)
    failf(ErrorKind::invalid_argument, run,
          "what tokenizer made this run's tokens is not known; copy it to {}",
          run_path(run, run_file::tokenizer));
  if (threads == 0) threads = static_cast<int>(recipe.integer("threads"));
  if (threads > 0) set_thread_count(threads);
  const int64_t length = recipe.integer("data.length");
  auto reader = std::make_unique<TextReader>(
      make_language_model(recipe, vocabulary_of(recipe, tokenizer.get()), length), length,
      precision_of(recipe).parameters, find_device(recipe.text("device")),
      [&](const ParameterTable& parameters, StateStore& states) {
        load_weights(run_path(run, run_file::weights), parameters, states);
      });
  reader->tokenizer_ = tokenizer;
  return reader;
}

const std::vector<double>& TextReader::read(int64_t token) {
  if (has_positions_ && static_cast<int64_t>(tokens_.size()) == capacity_) {
    const std::vector<int64_t> kept(tokens_.end() - capacity_ / 2, tokens_.end());
    restart();
    for (int64_t old : kept) step(old);
  }
  step(token);
  logits_ = program_->output("logits").to_doubles();
  return logits_;
}

void TextReader::restart() {
  tokens_.clear();
  clear_caches();
}

void TextReader::step(int64_t token) {
  program_->set_input("token", static_cast<double>(token));
  program_->set_input("position", static_cast<double>(tokens_.size()));
  program_->run();
  if (has_positions_) tokens_.push_back(token);
}

void TextReader::clear_caches() {
  for (const auto& [name, state] : states_.all())
    if (parameters_.find(name) == nullptr)
      states_.set(name, Tensor::zeros(state.dtype(), state.shape()));
}

void generate(TextReader& reader, std::span<const int64_t> prompt, int64_t count,
              const Sampling& sampling, const std::function<void(int64_t token)>& made) {
  check_sampling(sampling);
  GRADUS_CHECK(!prompt.empty(), "[generate] prompt, expected at least one token");
  GRADUS_CHECK(count >= 0, "[generate] tokens, expected at least 0, got {}", count);
  for (int64_t token : prompt.first(prompt.size() - 1)) reader.read(token);
  int64_t token = prompt.back();
  for (int64_t i = 0; i < count; ++i) {
    token = sample_token(reader.read(token), sampling, static_cast<uint64_t>(i));
    made(token);
  }
}

}  // namespace gradus
