// SPDX-License-Identifier: Apache-2.0
#include "training/sampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/base/error.h"
#include "engine/base/philox.h"

namespace gradus {
namespace {

// Tokens from the likeliest on.
std::vector<size_t> by_likelihood(std::span<const double> logits) {
  std::vector<size_t> order(logits.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return logits[a] > logits[b]; });
  return order;
}

void check_logits(std::span<const double> logits) {
  double most = -INFINITY;
  for (size_t token = 0; token < logits.size(); ++token) {
    if (std::isnan(logits[token]) || logits[token] == INFINITY)
      failf(ErrorKind::not_finite, "generate", "the logit of token {} is {}", token, logits[token]);
    most = std::max(most, logits[token]);
  }
  if (most == -INFINITY)
    failf(ErrorKind::not_finite, "generate", "no token of {} is possible", logits.size());
}

// A number in [0, 1) of 53 random bits.
double uniform(uint64_t seed, uint64_t index) {
  const PhiloxKey key = philox_key({seed, index, 0}, path_id("generate"));
  const uint64_t bits = uint64_t{philox_word(key, 0)} << 32 | philox_word(key, 1);
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

}  // namespace

void check_sampling(const Sampling& sampling) {
  GRADUS_CHECK(sampling.temperature >= 0 && std::isfinite(sampling.temperature),
               "[generate] temperature, expected at least 0, got {}", sampling.temperature);
  GRADUS_CHECK(sampling.top_k >= 0, "[generate] top-k, expected at least 0, got {}",
               sampling.top_k);
  GRADUS_CHECK(sampling.top_p > 0 && sampling.top_p <= 1,
               "[generate] top-p, expected above 0 and at most 1, got {}", sampling.top_p);
}

std::vector<double> token_probabilities(std::span<const double> logits, const Sampling& sampling) {
  check_logits(logits);
  const std::vector<size_t> order = by_likelihood(logits);
  std::vector<double> probabilities(logits.size(), 0.0);
  if (sampling.temperature == 0) {
    probabilities[order[0]] = 1;
    return probabilities;
  }
  size_t kept = order.size();
  if (sampling.top_k > 0) kept = std::min(kept, static_cast<size_t>(sampling.top_k));
  const double most = logits[order[0]];
  double total = 0;
  for (size_t i = 0; i < kept; ++i) {
    const double weight = std::exp((logits[order[i]] - most) / sampling.temperature);
    probabilities[order[i]] = weight;
    total += weight;
  }
  double reached = 0;
  size_t i = 0;
  while (i < kept && reached < sampling.top_p * total) reached += probabilities[order[i++]];
  for (; i < kept; ++i) probabilities[order[i]] = 0;
  for (double& probability : probabilities) probability /= reached;
  return probabilities;
}

int64_t sample_token(std::span<const double> logits, const Sampling& sampling, uint64_t index) {
  const std::vector<double> probabilities = token_probabilities(logits, sampling);
  const double wanted = uniform(sampling.seed, index);
  double reached = 0;
  int64_t last = 0;
  for (size_t token = 0; token < probabilities.size(); ++token) {
    if (probabilities[token] == 0) continue;
    last = static_cast<int64_t>(token);
    reached += probabilities[token];
    if (reached > wanted) break;
  }
  return last;
}

}  // namespace gradus
