// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "tools/svg_plot.h"
#include "training/run_record.h"

namespace gradus {

// Diagrams of runs: the loss of every step and of evaluations, and each other metric that
// evaluations have. With one run every curve has a colour, with more every run.
std::vector<PlotPanel> plot_runs(std::span<const RunRecord> runs);

// The mean of values so far, in which one that is k values old weighs decay^k.
std::vector<double> running_mean(const std::vector<double>& values, double decay);

}  // namespace gradus
