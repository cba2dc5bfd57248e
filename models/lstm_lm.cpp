// SPDX-License-Identifier: Apache-2.0
#include "models/lstm_lm.h"

#include "engine/base/error.h"
#include "ops/ops.h"

namespace gradus {

Value LstmLm::build(Place& place, Value tokens) const {
  GRADUS_CHECK(tokens.rank() == 2, "[lstm] tokens, expected (batch, seq), got {}",
               to_string(tokens.shape()));
  const Initialiser init = Initialiser::uniform(-0.1, 0.1);
  Value x = embedding_layer(place, "embedding", tokens, vocabulary, width, init);
  x = dropout_layer(place, x, dropout);
  GRADUS_CHECK(!place.positions,
               "[lstm] carries its state from document to document: data.packing=stream is for it");
  x = lstm_layer(place, "lstm", x, hidden, layers);
  return linear_layer(place, "head", dropout_layer(place, x, dropout), vocabulary, {.init = init});
}

}  // namespace gradus
