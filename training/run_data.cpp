// SPDX-License-Identifier: Apache-2.0
#include "training/run_data.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include <fmt/format.h>

#include "engine/base/error.h"
#include "training/data_card.h"
#include "training/data_factory.h"
#include "training/run_folder.h"

namespace gradus {
namespace {

using Names = std::vector<std::string>;

// The first names of a list, in a message.
std::string some_of(const Names& names) {
  constexpr size_t most = 20;
  const size_t shown = std::min(names.size(), most);
  const std::string text =
      fmt::format("{}", fmt::join(names.begin(), names.begin() + std::ptrdiff_t(shown), ", "));
  return shown == names.size() ? text : fmt::format("{} and {} more", text, names.size() - shown);
}

std::optional<DataCard> card_of_run(const std::string& run) {
  std::error_code ignored;
  if (!std::filesystem::exists(run_path(run, run_file::data), ignored)) return {};
  return load_data_card(run);
}

// As a file would hold it: names need not be UTF-8 before.
DataCard card_of_data(const Recipe& recipe, const Dataset& data) {
  return parse_data_card(to_json(describe_data(recipe, data)), recipe.text("data.path"));
}

// Of a graph the features alone: it may have gained nodes.
Shape input_shape(const DataCard& card) {
  return card.format == "graph" && card.sample.rank() == 2 ? Shape{card.sample[1]} : card.sample;
}

// Where the run's classes have those of the data.
std::vector<int64_t> places_of(const Names& now, const Names& learnt, const std::string& path) {
  std::vector<int64_t> places;
  Names unknown;
  for (const std::string& name : now) {
    const auto found = std::ranges::find(learnt, name);
    places.push_back(found - learnt.begin());
    if (found == learnt.end()) unknown.push_back(name);
  }
  if (!unknown.empty())
    failf(ErrorKind::bad_data, path, "holds {} that the run did not learn: {}; it learnt {}",
          unknown.size() == 1 ? "a class" : "classes", some_of(unknown), some_of(learnt));
  return places;
}

// What of the second card is another than in the first: a short text, or none.
std::string difference(const DataCard& before, const DataCard& now) {
  if (before.class_names != now.class_names)
    return fmt::format("its classes were {} and are {}", some_of(before.class_names),
                       some_of(now.class_names));
  if (input_shape(before) != input_shape(now))
    return fmt::format("its samples were {} and are {}", to_string(before.sample),
                       to_string(now.sample));
  if (before.target_names != now.target_names)
    return fmt::format("what it predicts was {} and is {}", some_of(before.target_names),
                       some_of(now.target_names));
  // A card of an earlier version may have none.
  if (!before.fields.empty() && to_json(before) != to_json(now))
    return "its values give other scales, means for what is missing, or categories";
  return {};
}

}  // namespace

std::shared_ptr<const Dataset> load_run_data(const std::string& run, const Recipe& recipe,
                                             Split split) {
  const std::optional<DataCard> learnt = card_of_run(run);
  if (!learnt || learnt->tokens) return load_data(recipe, split);
  std::shared_ptr<const Dataset> data =
      load_data(recipe, split,
                LearntCoding{.fields = learnt->fields,
                             .class_names = learnt->class_names,
                             .target_scales = learnt->target_scales,
                             .labels = learnt->labels});
  if (!data) return data;
  const std::string& path = recipe.text("data.path");
  const DataCard now = card_of_data(recipe, *data);
  if (input_shape(now) != input_shape(*learnt))
    failf(ErrorKind::bad_data, path, "samples, expected {} as the run learnt, got {}",
          to_string(learnt->sample), to_string(now.sample));
  if (now.class_names.empty() != learnt->class_names.empty() ||
      now.target_names != learnt->target_names)
    failf(ErrorKind::bad_data, path, "targets, expected {} as the run learnt, got {}",
          some_of(learnt->class_names.empty() ? learnt->target_names : learnt->class_names),
          some_of(now.class_names.empty() ? now.target_names : now.class_names));
  if (now.class_names == learnt->class_names) return data;
  return make_relabelled(std::move(data), places_of(now.class_names, learnt->class_names, path),
                         learnt->class_names);
}

void check_same_data(const std::string& run, const Recipe& recipe, const Dataset& data) {
  const std::optional<DataCard> before = card_of_run(run);
  if (!before || before->tokens) return;
  const std::string what = difference(*before, card_of_data(recipe, data));
  if (!what.empty())
    failf(ErrorKind::invalid_argument, run,
          "{} have changed since this run was begun: {}; choose another run=DIR, or go on by "
          "--allow-changes",
          recipe.text("data.path"), what);
}

}  // namespace gradus
