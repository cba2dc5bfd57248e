// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace gradus {

enum class CurveKind { too_short, converging, plateau, oscillating, diverging };
std::string_view curve_name(CurveKind kind);  // "converging", ...; "too short to tell"

// What a run's losses, one of each step, say about how it goes. Values that are not finite are left
// out, but a run that ends with them diverges.
//
// The loss is smoothed to the means of 20 equal parts of the run; an error of such a mean is what
// differences between neighbouring steps say it is. The first that holds:
//   diverging    the lowest mean of the last third is above the lowest one before by more than 4
//                errors, a fifth of what the loss had fallen by and 5 % of itself; or the last mean
//                is above all but its neighbour by 4 errors and half of what lies between those
//   oscillating  in the second half, what is left beside a straight line has an autocorrelation
//                below -0.6 at some lag up to a quarter of its length, and a deviation of at least
//                2 % of the mean loss
//   converging   the last quarter's mean is below the third's by 2 errors of these and by 1 %
//   plateau      else
struct LossCurve {
  CurveKind kind = CurveKind::too_short;
  std::string reason;  // with figures: "fell by 12 % over the last quarter"

  std::string text() const;  // "converging: fell by 12 % over the last quarter"
};
inline constexpr size_t least_curve_steps = 80;

LossCurve classify_curve(std::span<const double> losses);

}  // namespace gradus
