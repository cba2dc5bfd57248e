// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/tokenizer/tokenizer.h"
#include "engine/exec/executable.h"
#include "models/model.h"
#include "training/sampling.h"

namespace gradus {

// The graph that takes one token of a text: inputs "token" i64 (1, 1) and "position" i64 (); output
// "logits" (vocabulary) for the next token. What earlier tokens left is in its states.
std::shared_ptr<const Graph> decoding_graph(const Model& model, int64_t capacity, DType dtype,
                                            ParameterTable& parameters);

// A language model that reads a text token by token.
class TextReader {
 public:
  // `capacity` is how many tokens a model with positions can look back on (a recurrent one has no
  // such limit); `load` fills the states of the parameters.
  TextReader(const Model& model, int64_t capacity, DType dtype, Device& device,
             const std::function<void(const ParameterTable&, StateStore&)>& load);
  // The model, weights and tokenizer of a finished run. Throws as check_finished_run and
  // load_weights, and invalid_argument where the run's model does not read text.
  static std::unique_ptr<TextReader> of_run(const std::string& run, int threads = 0);

  // Logits of the token after `token`. When it can look back on no more tokens, it forgets the
  // older half of them and reads the others anew.
  const std::vector<double>& read(int64_t token);
  void restart();
  // Of the run; null where it was made from a model.
  const std::shared_ptr<const Tokenizer>& tokenizer() const { return tokenizer_; }

 private:
  void step(int64_t token);
  void clear_caches();

  std::shared_ptr<const Tokenizer> tokenizer_;
  int64_t capacity_;
  bool has_positions_ = false;
  ParameterTable parameters_;
  StateStore states_;
  Arena arena_;
  std::optional<Executable> program_;
  std::vector<int64_t> tokens_;  // since the caches were cleared
  std::vector<double> logits_;
};

// Reads `prompt` and makes `count` tokens that go on from it; each is handed out as it is made. An
// empty prompt throws.
void generate(TextReader& reader, std::span<const int64_t> prompt, int64_t count,
              const Sampling& sampling, const std::function<void(int64_t token)>& made);

}  // namespace gradus
