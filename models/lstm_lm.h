// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/layers/layer.h"

namespace gradus {

// A language model: token embedding, LSTM layers, a linear head. Every sequence starts from zero
// states.
struct LstmLm {
  int64_t vocabulary = 256;
  int64_t width = 256;  // of the embedding
  int64_t hidden = 256;
  int64_t layers = 1;
  double dropout = 0;  // on the embedding and before the head

  // tokens i64 (batch, seq) -> logits (batch, seq, vocabulary).
  Value build(Place& place, Value tokens) const;
};

}  // namespace gradus
