// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <set>
#include <utility>

#include "data/sampler.h"
#include "engine/base/error.h"
#include "training/tune/gaussian_process.h"
#include "training/tune/search.h"
#include "training/tune/unit_draws.h"

namespace gradus {
namespace {

constexpr uint64_t even_candidates = 2000, near_candidates = 100;
constexpr size_t near_best = 5;     // trials that candidates are drawn around
constexpr size_t climbed_from = 5;  // candidates that are followed uphill
constexpr double confidence = 2;    // deviations that ucb goes below the mean
// The time of a fit grows with the third power of the number of its points: at this one it takes
// a second or two.
constexpr size_t most_points = 250;

// Costs with mean 0 and deviation 1. What is not finite counts as the worst, and what lies three
// interquartile ranges above the third quartile as that: one diverged trial must not flatten all
// others.
std::vector<double> standardised(std::vector<double> costs) {
  std::vector<double> finite;
  for (const double cost : costs)
    if (std::isfinite(cost)) finite.push_back(cost);
  if (finite.empty()) return std::vector<double>(costs.size(), 0.0);
  std::ranges::sort(finite);
  const double first = finite[finite.size() / 4], third = finite[finite.size() * 3 / 4];
  const double limit = third > first ? third + 3 * (third - first) : finite.back();
  double sum = 0;
  for (double& cost : costs) {
    cost = std::min(std::isfinite(cost) ? cost : finite.back(), limit);
    sum += cost;
  }
  const auto count = static_cast<double>(costs.size());
  double squares = 0;
  for (double& cost : costs) {
    cost -= sum / count;
    squares += cost * cost;
  }
  for (double& cost : costs) cost = squares > 0 ? cost / std::sqrt(squares / count) : 0;
  return costs;
}

// The trials that a fit goes by, rising: of more than most_points the best half and the latest.
std::vector<size_t> trials_of_use(const std::vector<double>& costs) {
  std::vector<size_t> order(costs.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  if (order.size() <= most_points) return order;
  const auto cost = [&](size_t i) { return std::isnan(costs[i]) ? HUGE_VAL : costs[i]; };
  std::ranges::stable_sort(order, {}, cost);
  std::ranges::sort(order.begin() + most_points / 2, order.end(), std::greater<>());
  order.resize(most_points);
  std::ranges::sort(order);
  return order;
}

class BayesSearch : public Search {
 public:
  BayesSearch(const SearchSpace& space, Acquisition acquisition, uint64_t seed)
      : space_(space),
        acquisition_(acquisition),
        seed_(seed),
        random_(make_random_search(space, seed)) {
    for (const SearchDimension& dimension : space.dimensions())
      nominal_.push_back(!dimension.ordered());
  }

  std::optional<SearchPoint> propose(std::span<const SearchTrial> trials) const override;

 private:
  struct Known {
    std::vector<SearchPoint> points;
    std::vector<double> costs;    // standardised
    std::set<SearchPoint> taken;  // all that have begun
    double least = 0;             // cost
  };
  struct Candidate {
    SearchPoint point;
    double gain;
  };

  size_t first_points() const { return 2 * space_.size() + 2; }
  SearchPoint first_point(size_t number) const;
  Known known_of(std::span<const SearchTrial> trials) const;
  SearchPoint snapped(SearchPoint point) const;
  std::vector<SearchPoint> candidates(const Known& known, uint64_t step) const;
  double gain(const GaussianProcess& process, double least, const SearchPoint& point) const;
  Candidate climbed(const GaussianProcess& process, double least, Candidate from) const;

  const SearchSpace& space_;
  Acquisition acquisition_;
  uint64_t seed_;
  std::unique_ptr<Search> random_;
  std::vector<bool> nominal_;
};

SearchPoint BayesSearch::snapped(SearchPoint point) const {
  for (size_t d = 0; d < point.size(); ++d)
    point[d] = space_.dimensions()[d].snapped(std::clamp(point[d], 0.0, 1.0));
  return space_.canonical(std::move(point));
}

// A Latin hypercube: in each dimension every one of as many equal parts has one point.
SearchPoint BayesSearch::first_point(size_t number) const {
  const UnitDraws draws(seed_, "tune.first", number);
  const auto parts = static_cast<double>(first_points());
  SearchPoint point;
  for (size_t d = 0; d < space_.size(); ++d) {
    const std::vector<int64_t> order =
        shuffled_order(static_cast<int64_t>(first_points()), seed_, d);
    const double uniform = (static_cast<double>(order[number]) + draws.at(d)) / parts;
    point.push_back(space_.dimensions()[d].drawn(uniform));
  }
  return space_.canonical(std::move(point));
}

// Trials that still run count as if their cost were the mean of the others, so that another one
// does not go to the same place.
BayesSearch::Known BayesSearch::known_of(std::span<const SearchTrial> trials) const {
  Known known;
  std::vector<SearchPoint> running, ended;
  std::vector<double> costs;
  for (const SearchTrial& trial : trials) {
    known.taken.insert(trial.point);
    (trial.ended ? ended : running).push_back(trial.point);
    if (trial.ended) costs.push_back(trial.cost);
  }
  for (const size_t i : trials_of_use(costs)) {
    known.points.push_back(std::move(ended[i]));
    known.costs.push_back(costs[i]);
  }
  known.costs = standardised(std::move(known.costs));
  if (!known.costs.empty()) known.least = std::ranges::min(known.costs);
  for (SearchPoint& point : running) {
    known.points.push_back(std::move(point));
    known.costs.push_back(0);
  }
  return known;
}

// Even ones, and ones around the best trials, nearer and nearer.
std::vector<SearchPoint> BayesSearch::candidates(const Known& known, uint64_t step) const {
  const UnitDraws draws(seed_, "tune.candidates", step);
  uint64_t index = 0;
  std::set<SearchPoint> points;
  for (uint64_t i = 0; i < even_candidates; ++i) {
    SearchPoint point;
    for (const SearchDimension& dimension : space_.dimensions())
      point.push_back(dimension.drawn(draws.at(index++)));
    points.insert(space_.canonical(std::move(point)));
  }
  std::vector<size_t> order(known.points.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, {}, [&](size_t i) { return known.costs[i]; });
  order.resize(std::min(order.size(), near_best));
  for (const size_t best : order)
    for (uint64_t i = 0; i < near_candidates; ++i) {
      const double width = std::pow(10.0, -1 - 3 * draws.at(index++));
      SearchPoint point = known.points[best];
      for (double& at : point) at += width * (2 * draws.at(index++) - 1);
      points.insert(snapped(std::move(point)));
    }
  std::vector<SearchPoint> free;
  for (const SearchPoint& point : points)
    if (!known.taken.contains(point)) free.push_back(point);
  return free;
}

// D. R. Jones, M. Schonlau and W. J. Welch, "Efficient global optimization of expensive black-box
// functions", 1998, equation 15; N. Srinivas et al., "Gaussian process optimization in the bandit
// setting", 2010.
double BayesSearch::gain(const GaussianProcess& process, double least,
                         const SearchPoint& point) const {
  const GaussianProcess::Prediction prediction = process.predict(point);
  const double deviation = std::sqrt(prediction.variance);
  if (acquisition_ == Acquisition::ucb) return confidence * deviation - prediction.mean;
  const double better = least - prediction.mean;
  if (!(deviation > 0)) return std::max(better, 0.0);
  const double z = better / deviation;
  const double density = std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi);
  return better * 0.5 * std::erfc(-z / std::numbers::sqrt2) + deviation * density;
}

// Uphill along one dimension after the other, with steps that become smaller.
BayesSearch::Candidate BayesSearch::climbed(const GaussianProcess& process, double least,
                                            Candidate from) const {
  for (double step = 0.1; step > 1e-4; step /= 2) {
    bool better = true;
    for (int round = 0; better && round < 10; ++round) {
      better = false;
      for (size_t d = 0; d < from.point.size(); ++d)
        for (const double by : {step, -step}) {
          if (nominal_[d]) continue;
          SearchPoint point = from.point;
          point[d] += by;
          point = snapped(std::move(point));
          const double there = gain(process, least, point);
          if (!(there > from.gain)) continue;
          from = {std::move(point), there};
          better = true;
        }
    }
  }
  return from;
}

std::optional<SearchPoint> BayesSearch::propose(std::span<const SearchTrial> trials) const {
  const Known known = known_of(trials);
  const bool has_cost = std::ranges::any_of(
      trials, [](const SearchTrial& t) { return t.ended && std::isfinite(t.cost); });
  if (trials.size() < first_points()) {
    SearchPoint point = first_point(trials.size());
    return known.taken.contains(point) ? random_->propose(trials) : point;
  }
  if (!has_cost) return random_->propose(trials);
  const GaussianProcess process(known.points, known.costs,
                                fit_process(known.points, known.costs, nominal_), nominal_);
  std::vector<Candidate> all;
  for (SearchPoint& point : candidates(known, trials.size())) {
    const double there = gain(process, known.least, point);
    all.push_back({std::move(point), there});
  }
  if (all.empty()) return random_->propose(trials);
  std::ranges::stable_sort(all, std::greater<>(), &Candidate::gain);
  Candidate best = all[0];
  for (size_t i = 0; i < std::min(all.size(), climbed_from); ++i) {
    Candidate top = climbed(process, known.least, all[i]);
    if (top.gain > best.gain && !known.taken.contains(top.point)) best = std::move(top);
  }
  return best.point;
}

}  // namespace

std::unique_ptr<Search> make_bayes_search(const SearchSpace& space, Acquisition acquisition,
                                          uint64_t seed) {
  return std::make_unique<BayesSearch>(space, acquisition, seed);
}

}  // namespace gradus
