// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace gradus {

// How the next token is chosen from a model's logits, in this order: the `top_k` likeliest tokens
// are kept (0: all), logits are divided by `temperature`, and of what softmax makes of them the
// likeliest tokens are kept whose probabilities together first reach `top_p` (nucleus sampling,
// Holtzman et al. 2020). Temperature 0 takes the likeliest token. Of equally likely ones the lower
// number counts as likelier.
struct Sampling {
  double temperature = 1;
  int64_t top_k = 0;
  double top_p = 1;
  uint64_t seed = 1;
};

// Throws for a temperature below 0, a top_k below 0 and a top_p outside of (0, 1].
void check_sampling(const Sampling& sampling);

// The probability of every token.
std::vector<double> token_probabilities(std::span<const double> logits, const Sampling& sampling);

// The token number `index` of a text: the same for the same seed, index and logits. Throws
// not_finite where a logit is NaN or all are -infinity.
int64_t sample_token(std::span<const double> logits, const Sampling& sampling, uint64_t index);

}  // namespace gradus
