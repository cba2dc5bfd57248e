// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "training/recipe.h"

namespace gradus {

// One coordinate in [0, 1] for each dimension of a space.
using SearchPoint = std::vector<double>;

// A key of recipes that a search may set, and to what: one of `choices`, or where there are none a
// number in [low, high].
struct SearchDimension {
  const RecipeKey* key = nullptr;
  std::vector<KeyValue> choices = {};
  double low = 0, high = 0;
  bool logarithmic = false;  // even in the logarithm
  bool whole = false;        // integers alone
  int64_t steps = 0;         // that a grid takes of the range; 0: not said

  // Whether coordinates that are near each other stand for values that are: of a range, and of
  // numbers that rise.
  bool ordered() const;
  KeyValue value(double coordinate) const;
  // That of the value which an even draw in [0, 1) hits.
  double drawn(double uniform) const;
  // That of the value nearest to a coordinate.
  double snapped(double coordinate) const;
  // Those of a grid, each value once, rising. Throws invalid_argument where `steps` is needed.
  std::vector<double> grid() const;
  // As a file of a space says it.
  std::string text() const;
};

// What a search tries. Keys that do not belong to a trial's model, optimizer, data or schedule are
// left out of it, and their coordinates are 0 then.
class SearchSpace {
 public:
  // `base`: the recipe without the search. Throws invalid_argument for no dimensions.
  SearchSpace(std::vector<SearchDimension> dimensions, Recipe base);

  const std::vector<SearchDimension>& dimensions() const { return dimensions_; }
  size_t size() const { return dimensions_.size(); }
  const Recipe& base() const { return base_; }

  // The point with 0 for keys that do not apply: two such points are equal where their settings
  // are.
  SearchPoint canonical(SearchPoint point) const;
  // "key=value" for each key that applies, as load_recipe takes them.
  std::vector<std::string> settings(const SearchPoint& point) const;

 private:
  bool applies(size_t dimension, const SearchPoint& point) const;
  std::string chosen(std::string_view key, const SearchPoint& point) const;

  std::vector<SearchDimension> dimensions_;
  Recipe base_;
};

// A value as an override says it: `key=` and this text give it back exactly.
std::string setting_text(const RecipeKey& key, const KeyValue& value);

// All points of the grid in order, the last key changing first, each combination once. Throws
// invalid_argument for more than `most`.
std::vector<SearchPoint> grid_points(const SearchSpace& space, int64_t most);

}  // namespace gradus
