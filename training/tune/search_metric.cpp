// SPDX-License-Identifier: Apache-2.0
#include "training/tune/search_metric.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "engine/base/error.h"
#include "engine/op/attributes.h"

namespace gradus {
namespace {

enum class Scored { always, classes, texts, numbers };

struct Known {
  std::string_view name;
  bool higher;
  Scored of;
};

// Those of training/score.h.
constexpr Known all_metrics[] = {{"loss", false, Scored::always},
                                 {"accuracy", true, Scored::classes},
                                 {"bits_per_character", false, Scored::texts},
                                 {"r2", true, Scored::numbers},
                                 {"mse", false, Scored::numbers},
                                 {"rmse", false, Scored::numbers},
                                 {"mae", false, Scored::numbers}};

const Known* find(std::string_view name) {
  const auto* found = std::ranges::find(all_metrics, name, &Known::name);
  return found == std::end(all_metrics) ? nullptr : found;
}

}  // namespace

SearchMetric parse_search_metric(const std::string& text) {
  constexpr std::string_view prefix = "validation.";
  const std::string name = text.starts_with(prefix) ? text.substr(prefix.size()) : text;
  if (const Known* known = find(name)) return {name, known->higher};
  std::vector<std::string_view> names;
  for (const Known& known : all_metrics) names.push_back(known.name);
  const std::string_view near = nearest_name(name, names);
  failf(ErrorKind::invalid_argument, "", "--metric, expected one of {}, got '{}'{}",
        fmt::join(names, ", "), text,
        near.empty() ? "" : fmt::format(", did you mean '{}'?", near));
}

void check_search_metric(const SearchMetric& metric, const Dataset& data) {
  const bool numbers = data.classes() == 0;
  const auto fits = [&](const Known& known) {
    return known.of == Scored::always || (known.of == Scored::numbers) == numbers;
  };
  const Known* known = find(metric.name);
  if (known == nullptr || fits(*known)) return;
  std::vector<std::string_view> names;
  for (const Known& other : all_metrics)
    if (fits(other) && other.of != Scored::texts) names.push_back(other.name);
  failf(ErrorKind::invalid_argument, "", "--metric, the validation of this recipe has {}, not '{}'",
        fmt::join(names, ", "), metric.name);
}

}  // namespace gradus
