// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "training/tune/learning_curve.h"

namespace gradus {

// A row for each size: means over its seeds, and where there are several the least and the largest.
std::string to_text(const LearningCurve& curve);
// "samples,seed,steps,training_loss,<split>_<metric>..." and a line for each run.
std::string to_csv(const LearningCurve& curve);
// Each metric against the number of samples, whose axis is logarithmic.
std::string to_svg(const LearningCurve& curve);
// One JSON object on one line.
std::string to_json(const LearningCurve& curve, const std::string& folder);

}  // namespace gradus
