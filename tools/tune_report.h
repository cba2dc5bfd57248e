// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "training/tune/tuner.h"

namespace gradus {

// What a search has found so far.
struct SearchReport {
  std::string folder;
  SearchMetric metric;
  std::vector<Trial> trials;  // the best first
  std::string again;          // the command that trains the best one anew; empty: none is finished

  // Whether any trial was trained to its end.
  bool has_best() const { return !again.empty(); }
};

// `recipe`: as the command named it.
SearchReport search_report(const SearchPlan& plan, const TrialStore& store,
                           const std::string& recipe);

// A table, the messages of failed trials, and the command.
std::string to_text(const SearchReport& report);
// One JSON object on one line.
std::string to_json(const SearchReport& report);

// Words as a shell takes them back.
std::string shell_words(const std::vector<std::string>& words);

}  // namespace gradus
