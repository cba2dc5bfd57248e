// SPDX-License-Identifier: Apache-2.0
#include "training/tune/search.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "engine/base/error.h"
#include "training/tune/unit_draws.h"

namespace gradus {
namespace {

// As many draws of points that are known end a random search: then hardly any other is left.
constexpr uint64_t most_known_draws = 10'000;

template <class Choice, size_t count>
Choice parse_choice(const std::string& option, const std::string& name,
                    const std::pair<std::string_view, Choice> (&choices)[count]) {
  std::vector<std::string_view> names;
  for (const auto& [known, choice] : choices) {
    if (known == name) return choice;
    names.push_back(known);
  }
  const std::string_view near = nearest_name(name, names);
  failf(ErrorKind::invalid_argument, "", "{}, expected one of {}, got '{}'{}", option,
        fmt::join(names, ", "), name,
        near.empty() ? "" : fmt::format(", did you mean '{}'?", near));
}

std::set<SearchPoint> points_of(std::span<const SearchTrial> trials) {
  std::set<SearchPoint> points;
  for (const SearchTrial& trial : trials) points.insert(trial.point);
  return points;
}

class GridSearch : public Search {
 public:
  explicit GridSearch(const SearchSpace& space) : points_(grid_points(space, most_grid_points)) {}

  std::optional<SearchPoint> propose(std::span<const SearchTrial> trials) const override {
    const std::set<SearchPoint> known = points_of(trials);
    for (const SearchPoint& point : points_)
      if (!known.contains(point)) return point;
    return {};
  }

 private:
  std::vector<SearchPoint> points_;
};

// Trial n has the n-th different point of one series of draws, whatever has become of the others.
class RandomSearch : public Search {
 public:
  RandomSearch(const SearchSpace& space, uint64_t seed) : space_(space), seed_(seed) {}

  std::optional<SearchPoint> propose(std::span<const SearchTrial> trials) const override {
    const std::set<SearchPoint> taken = points_of(trials);
    const uint64_t most = most_known_draws + taken.size();
    for (uint64_t draw = 0; draw < most; ++draw) {
      SearchPoint point = drawn(draw);
      if (!taken.contains(point)) return point;
    }
    return {};
  }

 private:
  SearchPoint drawn(uint64_t draw) const {
    const UnitDraws draws(seed_, "tune.random", draw);
    SearchPoint point;
    for (const SearchDimension& dimension : space_.dimensions())
      point.push_back(dimension.drawn(draws.at(point.size())));
    return space_.canonical(std::move(point));
  }

  const SearchSpace& space_;
  uint64_t seed_;
};

}  // namespace

Strategy parse_strategy(const std::string& name) {
  constexpr std::pair<std::string_view, Strategy> all[] = {
      {"grid", Strategy::grid}, {"random", Strategy::random}, {"bayes", Strategy::bayes}};
  return parse_choice("--strategy", name, all);
}

Acquisition parse_acquisition(const std::string& name) {
  constexpr std::pair<std::string_view, Acquisition> all[] = {{"ei", Acquisition::ei},
                                                              {"ucb", Acquisition::ucb}};
  return parse_choice("--acquisition", name, all);
}

std::unique_ptr<Search> make_grid_search(const SearchSpace& space) {
  return std::make_unique<GridSearch>(space);
}

std::unique_ptr<Search> make_random_search(const SearchSpace& space, uint64_t seed) {
  return std::make_unique<RandomSearch>(space, seed);
}

std::unique_ptr<Search> make_search(const SearchSpace& space, Strategy strategy,
                                    Acquisition acquisition, uint64_t seed) {
  if (strategy == Strategy::grid) return make_grid_search(space);
  if (strategy == Strategy::random) return make_random_search(space, seed);
  return make_bayes_search(space, acquisition, seed);
}

}  // namespace gradus
