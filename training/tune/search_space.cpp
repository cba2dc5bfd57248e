// SPDX-License-Identifier: Apache-2.0
#include "training/tune/search_space.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "engine/base/error.h"
#include "training/recipe_text.h"

namespace gradus {
namespace {

// Six digits: what a person types again. Exactly where the range is too narrow for them.
double rounded(double number, double low, double high) {
  const double few = std::strtod(fmt::format("{:.6g}", number).c_str(), nullptr);
  const double width = high / 2 - low / 2;
  const bool narrow = width < 1e-4 * std::max(std::abs(low), std::abs(high));
  return narrow || few < low || few > high ? number : few;
}

double number_at(const SearchDimension& d, double coordinate) {
  const double c = std::clamp(coordinate, 0.0, 1.0);
  const double raw = d.logarithmic ? std::exp(std::log(d.low) * (1 - c) + std::log(d.high) * c)
                                   : d.low * (1 - c) + d.high * c;
  return std::clamp(d.whole ? std::round(raw) : rounded(raw, d.low, d.high), d.low, d.high);
}

double coordinate_of(const SearchDimension& d, double number) {
  const double c = d.logarithmic
                       ? (std::log(number) - std::log(d.low)) / (std::log(d.high) - std::log(d.low))
                       : (number / 2 - d.low / 2) / (d.high / 2 - d.low / 2);
  return std::clamp(c, 0.0, 1.0);
}

size_t choice_at(const SearchDimension& d, double coordinate) {
  const auto last = static_cast<double>(d.choices.size() - 1);
  return static_cast<size_t>(std::lround(std::clamp(coordinate, 0.0, 1.0) * last));
}

double coordinate_of_choice(const SearchDimension& d, size_t choice) {
  return d.choices.size() < 2
             ? 0
             : static_cast<double>(choice) / static_cast<double>(d.choices.size() - 1);
}

// Every integer has the same share of the draws: half of one beyond each end, where they are
// logarithmic.
double drawn_integer(const SearchDimension& d, double uniform) {
  if (!d.logarithmic) return std::min(d.low + std::floor(uniform * (d.high - d.low + 1)), d.high);
  const double from = std::log(d.low - 0.5), to = std::log(d.high + 0.5);
  return std::clamp(std::round(std::exp(from + uniform * (to - from))), d.low, d.high);
}

std::optional<double> as_number(const KeyValue& value) {
  if (const auto* whole = value.as<int64_t>()) return static_cast<double>(*whole);
  if (const auto* number = value.as<double>()) return *number;
  return {};
}

KeyValue range_value(const SearchDimension& d, double number) {
  const auto whole = static_cast<int64_t>(std::llround(d.whole ? number : 0));
  switch (d.key->type) {
    case AttrType::integer:
      return whole;
    case AttrType::integers:
      return KeyValue::Integers{whole};
    case AttrType::reals:
      return KeyValue::Reals{number};
    default:
      return number;
  }
}

}  // namespace

bool SearchDimension::ordered() const {
  for (size_t i = 0; i < choices.size(); ++i) {
    const std::optional<double> number = as_number(choices[i]);
    if (!number || (i > 0 && *as_number(choices[i - 1]) >= *number)) return false;
  }
  return true;
}

KeyValue SearchDimension::value(double coordinate) const {
  return choices.empty() ? range_value(*this, number_at(*this, coordinate))
                         : choices[choice_at(*this, coordinate)];
}

double SearchDimension::drawn(double uniform) const {
  if (choices.empty())
    return whole ? coordinate_of(*this, drawn_integer(*this, uniform)) : snapped(uniform);
  const auto count = static_cast<double>(choices.size());
  const auto choice = static_cast<size_t>(std::min(std::floor(uniform * count), count - 1));
  return coordinate_of_choice(*this, choice);
}

double SearchDimension::snapped(double coordinate) const {
  return choices.empty() ? coordinate_of(*this, number_at(*this, coordinate))
                         : coordinate_of_choice(*this, choice_at(*this, coordinate));
}

std::vector<double> SearchDimension::grid() const {
  std::vector<double> coordinates;
  if (!choices.empty()) {
    for (size_t i = 0; i < choices.size(); ++i)
      coordinates.push_back(coordinate_of_choice(*this, i));
    return coordinates;
  }
  GRADUS_CHECK(steps > 0 || (whole && high - low < 1000),
               "'{}' expected steps=N, the number of its values in a grid", key->name);
  const int64_t count = steps > 0 ? steps : static_cast<int64_t>(high - low) + 1;
  std::set<double> distinct;
  for (int64_t i = 0; i < count; ++i) {
    const double at = count < 2 ? 0 : static_cast<double>(i) / static_cast<double>(count - 1);
    distinct.insert(steps > 0 ? snapped(at) : coordinate_of(*this, low + static_cast<double>(i)));
  }
  return {distinct.begin(), distinct.end()};
}

std::string SearchDimension::text() const {
  if (choices.empty())
    return fmt::format("{{min={}, max={}, scale={}, type={}, steps={}}}", low, high,
                       logarithmic ? "log" : "linear", whole ? "int" : "float", steps);
  std::vector<std::string> texts;
  for (const KeyValue& choice : choices) texts.push_back(toml_value(*key, choice));
  return fmt::format("[{}]", fmt::join(texts, ", "));
}

SearchSpace::SearchSpace(std::vector<SearchDimension> dimensions, Recipe base)
    : dimensions_(std::move(dimensions)), base_(std::move(base)) {
  GRADUS_CHECK(!dimensions_.empty(), "a space expects at least one key, as lr = [0.1, 0.01]");
}

// What the key is in a trial; "absent" where it does not apply.
std::string SearchSpace::chosen(std::string_view key, const SearchPoint& point) const {
  for (size_t d = 0; d < size(); ++d) {
    if (dimensions_[d].key->name != key) continue;
    if (!applies(d, point)) return "absent";
    const KeyValue value = dimensions_[d].value(point[d]);
    return value.as<std::string>() ? *value.as<std::string>() : to_string(value);
  }
  return base_.has(key) ? base_.text(key) : "absent";
}

bool SearchSpace::applies(size_t dimension, const SearchPoint& point) const {
  const RecipeKey& key = *dimensions_[dimension].key;
  return key.when.empty() || std::ranges::count(key.is, chosen(key.when, point)) > 0;
}

SearchPoint SearchSpace::canonical(SearchPoint point) const {
  SearchPoint result = point;
  for (size_t d = 0; d < size(); ++d)
    if (!applies(d, point)) result[d] = 0;
  return result;
}

std::vector<std::string> SearchSpace::settings(const SearchPoint& point) const {
  std::vector<std::string> texts;
  for (size_t d = 0; d < size(); ++d)
    if (applies(d, point))
      texts.push_back(
          fmt::format("{}={}", dimensions_[d].key->name,
                      setting_text(*dimensions_[d].key, dimensions_[d].value(point[d]))));
  return texts;
}

std::string setting_text(const RecipeKey& key, const KeyValue& value) {
  for (const auto& [word, meaning] : key.words)
    if (value == KeyValue(meaning)) return std::string(word);
  const auto* text = value.as<std::string>();
  if (!text) {
    std::string toml = toml_value(key, value);
    if (toml.starts_with('[')) toml = toml.substr(1, toml.size() - 2);
    std::erase(toml, ' ');
    return toml;
  }
  // Quotes around a whole text would be taken for TOML's.
  const bool quoted = text->size() >= 2 && text->front() == '"' && text->back() == '"';
  return quoted && !key.list ? fmt::format("\"{}\"", *text) : *text;
}

std::vector<SearchPoint> grid_points(const SearchSpace& space, int64_t most) {
  std::vector<std::vector<double>> axes;
  double count = 1;
  for (const SearchDimension& dimension : space.dimensions()) {
    axes.push_back(dimension.grid());
    count *= static_cast<double>(axes.back().size());
  }
  GRADUS_CHECK(count <= static_cast<double>(most),
               "the grid has {:.0f} combinations, expected at most {}; a random search takes as "
               "many as --trials says",
               count, most);
  std::vector<SearchPoint> points;
  std::set<SearchPoint> seen;
  for (auto n = static_cast<int64_t>(count), i = int64_t{0}; i < n; ++i) {
    SearchPoint point(axes.size());
    int64_t rest = i;
    for (size_t d = axes.size(); d-- > 0;) {
      const auto length = static_cast<int64_t>(axes[d].size());
      point[d] = axes[d][static_cast<size_t>(rest % length)];
      rest /= length;
    }
    point = space.canonical(std::move(point));
    if (seen.insert(point).second) points.push_back(std::move(point));
  }
  return points;
}

}  // namespace gradus
