// SPDX-License-Identifier: Apache-2.0
#include "training/line_search.h"

#include <algorithm>
#include <cmath>

namespace gradus {
namespace {

constexpr double sufficient_decrease = 1e-4, curvature = 0.9;

// Where the cubic through two values and slopes is least, within [low, high]; the middle where it
// has no minimum.
double cubic_minimum(const LinePoint& a, const LinePoint& b, double low, double high) {
  const double d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.t - b.t);
  const double square = d1 * d1 - a.slope * b.slope;
  if (!(square >= 0)) return (low + high) / 2;
  const double d2 = std::sqrt(square);
  const auto& [near, far] = a.t <= b.t ? std::pair(a, b) : std::pair(b, a);
  const double least =
      far.t - (far.t - near.t) * ((far.slope + d2 - d1) / (far.slope - near.slope + 2 * d2));
  return std::isnan(least) ? (low + high) / 2 : std::min(std::max(least, low), high);
}

int free_place(int used, int also = 0) {
  for (int place = 1; place < line_places; ++place)
    if (place != used && place != also) return place;
  return 0;
}

class Search {
 public:
  Search(const std::function<LinePoint(double, int)>& at, const LinePoint& start,
         const LineSearchOptions& options)
      : at_(at), start_(start), options_(options) {}

  LineSearchResult run(double t) {
    bracket(t);
    low_ = lower();
    while (!done_ && round_ < options_.most_rounds && narrow()) {
    }
    return {ends_[low_], evaluations_};
  }

 private:
  LinePoint evaluate(double t, int place) {
    ++evaluations_;
    return at_(t, place);
  }

  bool is_too_high(const LinePoint& point) const {
    return !(point.value <= start_.value + sufficient_decrease * point.t * start_.slope);
  }
  bool is_flat(const LinePoint& point) const {
    return std::abs(point.slope) <= -curvature * start_.slope;
  }
  size_t lower() const { return ends_[1].value < ends_[0].value || std::isnan(ends_[0].value); }

  void set_ends(const LinePoint& a, const LinePoint& b) {
    ends_[0] = a;
    ends_[1] = b;
  }

  // Goes out until a point meets the conditions or two have one between them.
  void bracket(double t) {
    LinePoint before = start_, latest = evaluate(t, 1);
    for (; round_ < options_.most_rounds; ++round_) {
      if (is_too_high(latest) || (round_ > 1 && latest.value >= before.value))
        return set_ends(before, latest);
      done_ = is_flat(latest);
      if (done_) return set_ends(latest, latest);
      if (latest.slope >= 0) return set_ends(before, latest);
      const double next =
          cubic_minimum(before, latest, latest.t + 0.01 * (latest.t - before.t), 10 * latest.t);
      before = latest;
      latest = evaluate(next, free_place(before.place));
    }
    set_ends(start_, latest);
  }

  // Keeps away from the ends, at which the next bracket would be hardly smaller.
  double kept_inside(double t, double left, double right) {
    const double margin = 0.1 * (right - left);
    const bool close = std::min(right - t, t - left) < margin;
    const bool pushed = close && (was_close_ || t >= right || t <= left);
    was_close_ = close && !pushed;
    if (!pushed) return t;
    return std::abs(t - right) < std::abs(t - left) ? right - margin : left + margin;
  }

  // One point more inside of the bracket; false where that is too small.
  bool narrow() {
    const auto [left, right] = std::minmax(ends_[0].t, ends_[1].t);
    if ((right - left) * options_.largest < options_.tolerance_change) return false;
    const double t = kept_inside(cubic_minimum(ends_[0], ends_[1], left, right), left, right);
    const LinePoint latest = evaluate(t, free_place(ends_[0].place, ends_[1].place));
    ++round_;
    LinePoint &low = ends_[low_], &high = ends_[1 - low_];
    if (is_too_high(latest) || latest.value >= low.value) {
      high = latest;
      low_ = lower();
      return true;
    }
    done_ = is_flat(latest);
    if (!done_ && latest.slope * (high.t - low.t) >= 0) high = low;
    low = latest;
    return true;
  }

  const std::function<LinePoint(double, int)>& at_;
  LinePoint start_;
  LineSearchOptions options_;
  LinePoint ends_[2];
  size_t low_ = 0;
  bool done_ = false, was_close_ = false;
  int64_t round_ = 0, evaluations_ = 0;
};

}  // namespace

LineSearchResult strong_wolfe(const std::function<LinePoint(double t, int place)>& at,
                              const LinePoint& start, double t, const LineSearchOptions& options) {
  return Search(at, start, options).run(t);
}

}  // namespace gradus
