// SPDX-License-Identifier: Apache-2.0
// The strategies of a search: which point a trial takes, given those before it. Nothing here trains
// or writes.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>

#include "training/tune/search_space.h"

namespace gradus {

enum class Strategy { grid, random, bayes };
// What a Bayesian search maximises: the improvement it expects, or how far below the mean the
// function may be (the lower confidence bound, since the least is sought).
enum class Acquisition { ei, ucb };

// Throws invalid_argument with the nearest name for others.
Strategy parse_strategy(const std::string& name);
Acquisition parse_acquisition(const std::string& name);

// A trial that has begun.
struct SearchTrial {
  SearchPoint point = {};  // SearchSpace::canonical
  bool ended = false;
  double cost = std::numeric_limits<double>::quiet_NaN();  // where ended: the least is the best;
                                                           // NaN: it failed
};

class Search {
 public:
  virtual ~Search() = default;
  // The point of the trial that follows on `trials`, none of which is proposed again; none where
  // the space has no other. A function of the arguments and the seed.
  virtual std::optional<SearchPoint> propose(std::span<const SearchTrial> trials) const = 0;
};

// `space` outlives it. Throws as grid_points.
std::unique_ptr<Search> make_search(const SearchSpace& space, Strategy strategy,
                                    Acquisition acquisition, uint64_t seed);

// The strategies by themselves; make_search makes them.
std::unique_ptr<Search> make_grid_search(const SearchSpace& space);
std::unique_ptr<Search> make_random_search(const SearchSpace& space, uint64_t seed);
std::unique_ptr<Search> make_bayes_search(const SearchSpace& space, Acquisition acquisition,
                                          uint64_t seed);

// Most combinations of a grid.
inline constexpr int64_t most_grid_points = 100'000;

}  // namespace gradus
