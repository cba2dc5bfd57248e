// SPDX-License-Identifier: Apache-2.0
#include "training/update_guard.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/error.h"
#include "training/not_finite_hint.h"

namespace gradus {
namespace {

// Losses are f32: what these can hold is the limit where there is no other.
constexpr double no_limit = std::numeric_limits<float>::max();
// A window of nearly equal numbers still lets this share of their mean be a coincidence.
constexpr double least_deviation = 1e-3;

void push(std::vector<double>& window, double value, int64_t size) {
  if (static_cast<int64_t>(window.size()) == size) window.erase(window.begin());
  window.push_back(value);
}

}  // namespace

UpdateGuard::UpdateGuard(const Options& options) : options_(options) {
  losses_.reserve(static_cast<size_t>(options_.window));
  norms_.reserve(static_cast<size_t>(options_.window));
}

double UpdateGuard::limit_of(const std::vector<double>& window) const {
  // A spike is left out once: the update behind a skipped one is made if it is finite.
  if (options_.deviations == 0 || in_row_ > 0 ||
      static_cast<int64_t>(window.size()) < options_.window)
    return no_limit;
  const auto count = static_cast<double>(window.size());
  double mean = 0, squares = 0;
  for (const double value : window) mean += value / count;
  for (const double value : window) squares += (value - mean) * (value - mean) / count;
  const double deviation = std::max(std::sqrt(squares), least_deviation * std::fabs(mean));
  return std::min(mean + options_.deviations * deviation, no_limit);
}

UpdateGuard::Limits UpdateGuard::limits() const { return {limit_of(losses_), limit_of(norms_)}; }

void UpdateGuard::add(int64_t step, double loss, double norm, bool skipped) {
  if (!skipped) {
    in_row_ = 0;
    if (!std::isfinite(loss) || !std::isfinite(norm)) return;
    push(losses_, loss, options_.window);
    push(norms_, norm, options_.window);
    return;
  }
  ++skipped_;
  if (++in_row_ > options_.most_skipped)
    failf(ErrorKind::not_finite, "train",
          "the update of step {} is number {} in a row to be skipped (loss {}, gradient norm {}); "
          "{}",
          step, in_row_, loss, norm, not_finite_hint(!losses_.empty()));
}

ProgressFields UpdateGuard::fields() const {
  return {{"losses", losses_},
          {"norms", norms_},
          {"skipped", {static_cast<double>(skipped_)}},
          {"in_row", {static_cast<double>(in_row_)}}};
}

void UpdateGuard::restore(const ProgressFields& fields) {
  std::vector<double> losses = progress_numbers(fields, "losses");
  std::vector<double> norms = progress_numbers(fields, "norms");
  if (losses.size() != norms.size())
    failf(ErrorKind::bad_data, "progress", "{} losses and {} norms", losses.size(), norms.size());
  // A shorter window than the run had keeps its newest numbers.
  const auto keep = std::min(losses.size(), static_cast<size_t>(options_.window));
  losses_.assign(losses.end() - static_cast<std::ptrdiff_t>(keep), losses.end());
  norms_.assign(norms.end() - static_cast<std::ptrdiff_t>(keep), norms.end());
  skipped_ = progress_count(fields, "skipped");
  in_row_ = progress_count(fields, "in_row");
}

}  // namespace gradus
