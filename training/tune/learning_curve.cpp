// SPDX-License-Identifier: Apache-2.0
#include "training/tune/learning_curve.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "data/sources.h"
#include "engine/base/error.h"
#include "training/data_factory.h"
#include "training/recipe_text.h"
#include "training/run_folder.h"

namespace gradus {
namespace {

Recipe recipe_with(const LearningCurvePlan& plan, std::vector<std::string> more) {
  std::vector<std::string> all = plan.overrides;
  all.insert(all.end(), more.begin(), more.end());
  return load_recipe(plan.recipe, all);
}

// A batch that the samples fill.
int64_t batch_within(const Recipe& recipe, int64_t samples) {
  const int64_t parts = recipe.integer("accumulate");
  GRADUS_CHECK(samples >= parts, "--sizes, {} samples do not fill the {} parts of accumulate",
               samples, parts);
  return std::min(recipe.integer("batch"), samples / parts * parts);
}

Recipe recipe_of(const LearningCurvePlan& plan, int64_t samples, int64_t seed) {
  std::vector<std::string> more = {fmt::format("seed={}", seed)};
  if (samples > 0) {
    more.push_back(fmt::format("data.samples={}", samples));
    const Recipe recipe = recipe_with(plan, more);
    if (recipe.integer("batch") > 0)  // a word stands for what fits anyway
      more.push_back(fmt::format("batch={}", batch_within(recipe, samples)));
  }
  return recipe_with(plan, more);
}

struct Facts {
  Split split;
  int64_t training_samples;
};

// What has no test part may still have validation samples.
bool has_test(const Recipe& recipe) {
  try {
    return load_data(recipe, Split::test) != nullptr;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::invalid_argument && error.kind() != ErrorKind::not_found) throw;
    return false;
  }
}

Facts facts_of(const Recipe& recipe) {
  const auto all = load_data(recipe, Split::train);
  GRADUS_CHECK(all != nullptr, "[data] has no training samples");
  if (has_test(recipe)) return {Split::test, all->size()};
  GRADUS_CHECK(load_data(recipe, Split::validation) != nullptr,
               "[data] a learning curve needs samples beside the training ones: set data.test=0.2 "
               "(or data.validation)");
  return {Split::validation, all->size()};
}

// None: stopped.
std::optional<LearningCurvePoint> trained(const LearningCurvePlan& plan, int64_t samples,
                                          int64_t seed, const Facts& facts,
                                          const std::function<bool()>& stop) {
  const Recipe recipe = recipe_of(plan, samples, seed);
  LearningCurvePoint point{.samples = samples > 0 ? samples : facts.training_samples, .seed = seed};
  point.run = run_path(
      plan.folder,
      fmt::format("samples-{}-seed-{}", samples > 0 ? fmt::to_string(samples) : "all", seed));
  const TrainingResult result = train(recipe, point.run, {}, {.stop = stop});
  if (result.end == TrainingEnd::stopped) return {};
  point.steps = result.steps;
  point.training_loss = result.loss;
  point.score = facts.split == Split::test ? evaluate_run(point.run) : result.validation;
  return point;
}

}  // namespace

std::vector<int64_t> parse_sizes(const std::string& text) {
  std::vector<int64_t> sizes;
  for (const std::string& part : split_texts(text)) {
    int64_t size = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), size);
    const bool whole = error == std::errc() && end == part.data() + part.size() && size > 0;
    GRADUS_CHECK(whole || part == "all",
                 "--sizes, expected numbers of samples and all, as 50,200,all, got '{}'", part);
    GRADUS_CHECK(!std::ranges::count(sizes, whole ? size : 0), "--sizes, '{}' stands there twice",
                 part);
    sizes.push_back(whole ? size : 0);
  }
  GRADUS_CHECK(!sizes.empty(), "--sizes, expected at least one, as 50,200,all");
  return sizes;
}

std::optional<LearningCurve> learning_curve(
    const LearningCurvePlan& plan, const std::function<void(const LearningCurvePoint&)>& done,
    const std::function<bool()>& stop) {
  const Recipe base = recipe_with(plan, {});
  GRADUS_CHECK(base.has("data.samples"), "[data.format] '{}' has no samples to take fewer of",
               base.text("data.format"));
  const Facts facts = facts_of(base);
  for (const int64_t size : plan.sizes)
    GRADUS_CHECK(size <= facts.training_samples, "--sizes, {} is more than the {} training samples",
                 size, facts.training_samples);
  LearningCurve curve{std::string(split_name(facts.split)), {}};
  const int64_t first = base.integer("seed");
  GRADUS_CHECK(plan.seeds >= 1 && first <= std::numeric_limits<int64_t>::max() - plan.seeds,
               "--seeds, {} runs from seed {} on go beyond the largest seed", plan.seeds, first);
  for (const int64_t size : plan.sizes)
    for (int64_t seed = first; seed < first + plan.seeds; ++seed) {
      const std::optional<LearningCurvePoint> point = trained(plan, size, seed, facts, stop);
      if (!point) return {};
      if (done) done(*point);
      curve.points.push_back(*point);
    }
  return curve;
}

}  // namespace gradus
