// SPDX-License-Identifier: Apache-2.0
// rnn, lstm and gru as layers of `recurrence`: what the three composites share.
#pragma once

#include <span>
#include <vector>

#include "engine/graph/value.h"
#include "engine/op/op.h"

namespace gradus {

// num_layers, dropout, train, bidirectional, batch_first.
std::vector<AttrSpec> recurrent_attributes();

struct RecurrentInputs {
  Value input, hx, cx, lengths;    // hx, cx, lengths may be null; cx with lstm only
  std::span<const Value> weights;  // of each layer and direction: weight_ih, weight_hh[, bias_ih,
                                   // bias_hh]
};

// The last layer's output, then h_n, then c_n (lstm). `mode` is recurrence's.
std::vector<Value> recurrent_layers(std::string_view op, const char* mode,
                                    const RecurrentInputs& in, const Attrs& attrs);

// A sample of `layers` layers: sizes are (steps, batch, inputs, hidden).
struct RecurrentSampleSizes {
  int64_t steps, batch, inputs, hidden;
};
struct RecurrentSampleOptions {
  int64_t layers = 1;
  bool bidirectional = false, batch_first = false, bias = true, states = false, lengths = false;
};
Sample recurrent_sample(int64_t gates, bool cells, const RecurrentSampleSizes& sizes,
                        const RecurrentSampleOptions& options, const AttrList& attrs = {});
std::vector<Sample> recurrent_samples(int64_t gates, bool cells);

}  // namespace gradus
