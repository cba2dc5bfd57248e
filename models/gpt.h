// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "models/layers/layer.h"

namespace gradus {

// The decoder-only transformer of GPT-2 (Radford et al. 2019): learned positions (or others), norms
// before each part, gelu (tanh form), the head tied to the token embedding. Parameters are named as
// in the published weights, except that linear weights are (out, in).
struct Gpt {
  int64_t vocabulary = 50257;
  int64_t context = 1024;  // positions
  int64_t layers = 12;
  int64_t heads = 12;
  int64_t width = 768;
  double dropout = 0;
  // What tells positions apart: trained vectors, sines, or only that a token sees those before it.
  enum class Positions { learned, sinusoidal, none };
  Positions positions = Positions::learned;

  // "gpt2" (124 M), "gpt2_medium" (355 M), "gpt2_large" (774 M), "gpt2_xl" (1558 M). Throws for
  // another name.
  static Gpt named(std::string_view name);

  // tokens i64 (batch, seq) -> logits (batch, seq, vocabulary); seq is at most `context`.
  Value build(Place& place, Value tokens) const;
};

}  // namespace gradus
