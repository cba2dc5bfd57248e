// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "data/dataset.h"

namespace gradus {

// What a search compares trials by: a metric of their validations.
struct SearchMetric {
  std::string name = "loss";
  bool higher_is_better = false;

  // The value with its sign turned where higher is better: the least is the best.
  double cost(double value) const { return higher_is_better ? -value : value; }
  bool is_better(double a, double b) const { return cost(a) < cost(b); }
};

// "accuracy" or "validation.accuracy". Throws invalid_argument with the nearest name for others
// than training writes.
SearchMetric parse_search_metric(const std::string& text);

// Throws invalid_argument where data that are scored as `data` have no such metric.
void check_search_metric(const SearchMetric& metric, const Dataset& data);

}  // namespace gradus
