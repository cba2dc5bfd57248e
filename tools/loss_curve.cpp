// SPDX-License-Identifier: Apache-2.0
#include "tools/loss_curve.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include <fmt/format.h>

namespace gradus {
namespace {

constexpr size_t parts = 20;
constexpr size_t late = 14;  // the first part of the last third

double mean_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

struct Smoothed {
  std::array<double, parts> means;
  double error = 0;  // of one of them
};

Smoothed smooth(std::span<const double> losses) {
  Smoothed smoothed;
  const auto begin_of = [&](size_t part) { return part * losses.size() / parts; };
  for (size_t p = 0; p < parts; ++p)
    smoothed.means[p] = mean_of(losses.subspan(begin_of(p), begin_of(p + 1) - begin_of(p)));
  // Half of the mean squared difference of neighbours is the variance without the trend (von
  // Neumann 1941). By its median a few jumps do not count: of normal noise that is 0.455 of the
  // mean.
  std::vector<double> squares;
  for (size_t i = 1; i < losses.size(); ++i)
    squares.push_back((losses[i] - losses[i - 1]) * (losses[i] - losses[i - 1]));
  std::ranges::nth_element(squares, squares.begin() + std::ssize(squares) / 2);
  const double variance = squares[squares.size() / 2] / 0.455 / 2;
  smoothed.error = std::sqrt(variance * parts / static_cast<double>(losses.size()));
  return smoothed;
}

// By how much the loss has risen, if that is more than chance and a short way back.
double divergence(const Smoothed& smoothed) {
  const std::span<const double> means(smoothed.means);
  const double lowest = std::ranges::min(means.first(late));
  const double rise = std::ranges::min(means.subspan(late)) - lowest;
  const double fall = means[0] - lowest;
  if (rise > std::max({4 * smoothed.error, 0.2 * fall, 0.05 * std::abs(lowest)})) return rise;
  const auto [low, high] = std::ranges::minmax(means.first(parts - 2));
  const double jump = means.back() - high;
  return jump > std::max({4 * smoothed.error, 0.5 * (high - low), 0.05 * std::abs(high)}) ? jump
                                                                                          : 0;
}

// What is left of values beside the straight line through them (least squares).
std::vector<double> without_line(std::span<const double> values) {
  const auto count = static_cast<double>(values.size());
  const double middle = (count - 1) / 2, mean = mean_of(values);
  double slope = 0;
  for (size_t i = 0; i < values.size(); ++i)
    slope += (static_cast<double>(i) - middle) * (values[i] - mean);
  slope /= count * (count * count - 1) / 12;
  std::vector<double> rest;
  for (size_t i = 0; i < values.size(); ++i)
    rest.push_back(values[i] - mean - slope * (static_cast<double>(i) - middle));
  return rest;
}

double square_sum(std::span<const double> values) {
  return std::inner_product(values.begin(), values.end(), values.begin(), 0.0);
}

struct Swing {
  double correlation = 0;  // the lowest
  size_t lag = 0;          // where: half a period
};

Swing lowest_correlation(std::span<const double> rest, size_t most_lag) {
  Swing lowest;
  const double all = square_sum(rest);
  for (size_t lag = 1; lag <= std::min(most_lag, rest.size() / 4); ++lag) {
    const double sum = std::inner_product(rest.begin() + static_cast<std::ptrdiff_t>(lag),
                                          rest.end(), rest.begin(), 0.0);
    if (all > 0 && sum / all < lowest.correlation) lowest = {sum / all, lag};
  }
  return lowest;
}

// Of every `size` neighbours their mean.
std::vector<double> blocks(std::span<const double> values, size_t size) {
  std::vector<double> means;
  for (size_t i = 0; i + size <= values.size(); i += size)
    means.push_back(mean_of(values.subspan(i, size)));
  return means;
}

// Lags in steps up to 64, and longer ones in 2,048 blocks, bound the work.
constexpr size_t short_lags = 64, most_blocks = 2048;

Swing find_swing(std::span<const double> rest) {
  const Swing quick = lowest_correlation(rest, short_lags);
  const size_t size = (rest.size() + most_blocks - 1) / most_blocks;
  Swing slow = lowest_correlation(blocks(rest, size), most_blocks);
  slow.lag *= size;
  return slow.correlation < quick.correlation ? slow : quick;
}

}  // namespace

std::string_view curve_name(CurveKind kind) {
  switch (kind) {
    case CurveKind::converging:
      return "converging";
    case CurveKind::plateau:
      return "plateau";
    case CurveKind::oscillating:
      return "oscillating";
    case CurveKind::diverging:
      return "diverging";
    case CurveKind::too_short:
      break;
  }
  return "too short to tell";
}

std::string LossCurve::text() const { return fmt::format("{}: {}", curve_name(kind), reason); }

LossCurve classify_curve(std::span<const double> losses) {
  if (losses.empty()) return {CurveKind::too_short, "no step yet"};
  const size_t tail = std::max<size_t>(losses.size() / parts, 1);
  if (std::ranges::none_of(losses.last(tail), [](double loss) { return std::isfinite(loss); }))
    return {CurveKind::diverging, fmt::format("the last {} steps are not finite", tail)};
  std::vector<double> finite(losses.begin(), losses.end());
  std::erase_if(finite, [](double loss) { return !std::isfinite(loss); });
  if (finite.size() < least_curve_steps)
    return {CurveKind::too_short,
            fmt::format("{} steps, expected {}", finite.size(), least_curve_steps)};
  // Sums of squares stay finite.
  const double largest = std::abs(*std::ranges::max_element(
      finite, [](double a, double b) { return std::abs(a) < std::abs(b); }));
  if (largest > 0)
    for (double& loss : finite) loss /= largest;
  const Smoothed smoothed = smooth(finite);
  if (const double rise = divergence(smoothed); rise > 0)
    return {CurveKind::diverging, fmt::format("rose by {:.3g}", rise * largest)};
  const std::span<const double> half = std::span(finite).subspan(finite.size() / 2);
  const std::vector<double> rest = without_line(half);
  const double deviation = std::sqrt(square_sum(rest) / static_cast<double>(rest.size()));
  const Swing swing = find_swing(rest);
  if (swing.correlation < -0.6 && deviation >= 0.02 * std::abs(mean_of(half)))
    return {CurveKind::oscillating, fmt::format("by {:.3g} up and down in some {} steps",
                                                deviation * largest, 2 * swing.lag)};
  const std::span<const double> means(smoothed.means);
  const double third = mean_of(means.subspan(10, 5)), fourth = mean_of(means.subspan(15, 5));
  const double fall = third - fourth, share = third != 0 ? 100 * fall / std::abs(third) : 0;
  const bool falls = fall > 2 * smoothed.error * std::sqrt(0.4) && share > 1;
  return {falls ? CurveKind::converging : CurveKind::plateau,
          fmt::format("{} by {:.3g} % over the last quarter", fall >= 0 ? "fell" : "rose",
                      std::abs(share))};
}

}  // namespace gradus
