// SPDX-License-Identifier: Apache-2.0
#include "training/batch_choice.h"

#include <fmt/format.h>

#include "engine/base/error.h"
#include "training/machine_memory.h"

namespace gradus {
namespace {

int64_t samples_of(const Recipe& recipe, const Dataset& data) {
  return make_sampler(with_batch(recipe, 1), data).samples_per_epoch();
}

}  // namespace

int64_t usable_memory() { return available_memory() / 10 * 9; }

Recipe with_batch(const Recipe& recipe, int64_t batch) {
  return recipe.with({fmt::format("batch={}", batch)});
}

BatchChoice largest_batch(const Recipe& recipe, const LoadedData& data, int64_t memory) {
  const int64_t parts = recipe.integer("accumulate");
  const int64_t most = samples_of(recipe, *data.data.train) / parts;
  const auto bytes_of = [&](int64_t micro_batch) {
    std::vector<std::string> changes = {fmt::format("batch={}", micro_batch * parts)};
    // Few batches leave a last one that `accumulate` divides, and that one takes least.
    if (parts > 1) changes.emplace_back("data.drop_last=true");
    const Recipe changed = recipe.with(changes);
    return plan_recipe(changed, data.data, data.bytes).memory.total();
  };
  BatchChoice best;
  const auto fits = [&](int64_t micro_batch) {
    const int64_t bytes = bytes_of(micro_batch);
    if (bytes > memory) return false;
    best = {micro_batch * parts, bytes, micro_batch == most};
    return true;
  };
  if (most < 1 || !fits(1)) return best;
  int64_t good = 1, bad = most + 1;
  while (good * 2 <= most && good * 2 < bad) {
    if (fits(good * 2))
      good *= 2;
    else
      bad = good * 2;
  }
  while (good + 1 < bad) {
    const int64_t middle = good + (bad - good) / 2;
    (fits(middle) ? good : bad) = middle;
  }
  return best;
}

Recipe with_known_batch(const Recipe& recipe) {
  const int64_t batch = recipe.integer("batch");
  if (batch != auto_batch && batch != full_batch) return recipe;
  const LoadedData data = load_measured_data(recipe);
  if (batch == full_batch) {
    const int64_t parts = recipe.integer("accumulate");
    const int64_t samples = samples_of(recipe, *data.data.train) / parts * parts;
    GRADUS_CHECK(samples > 0, "[accumulate] expected at most the {} training samples, got {}",
                 data.data.train->size(), parts);
    return with_batch(recipe, samples);
  }
  const int64_t memory = usable_memory() + data.bytes;  // which are loaded already
  const BatchChoice choice = largest_batch(recipe, data, memory);
  if (choice.batch == 0)
    failf(ErrorKind::out_of_memory, "batch",
          "auto: a step of {} samples does not fit into the {} bytes that are available",
          recipe.integer("accumulate"), memory);
  return with_batch(recipe, choice.batch);
}

}  // namespace gradus
