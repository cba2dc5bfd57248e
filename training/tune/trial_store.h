// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/io/file_lock.h"
#include "training/tune/search_space.h"

namespace gradus {

enum class TrialState {
  begun,     // some process runs it, or was stopped or killed while it did
  finished,  // trained to its end
  pruned,    // ended early, by the median rule
  failed,    // it cannot be trained: `message` says why
};

struct Trial {
  int64_t number = 0;
  TrialState state = TrialState::begun;
  SearchPoint point = {};
  std::vector<std::string> settings = {};  // "key=value"
  // Where it has ended:
  double value = 0;                      // of the search's metric; NaN where it failed
  int64_t steps = 0;                     // optimizer steps trained
  std::vector<double> validations = {};  // the metric of each
  std::string message = {};

  bool has_ended() const { return state != TrialState::begun; }
};

std::string_view trial_state_name(TrialState state);

// Names of the files of a search.
namespace search_file {
inline constexpr std::string_view trials = "trials.jsonl";
inline constexpr std::string_view search = "search.toml";  // strategy, seed, metric, space
inline constexpr std::string_view base = "base.toml";      // the recipe without the search
inline constexpr std::string_view lock = "lock";           // held for moments
}  // namespace search_file

// What a search's folder must have been begun with: names and values, in a fixed order.
using SearchFacts = std::vector<std::pair<std::string, std::string>>;

// The folder of a search and the trials in it. trials.jsonl has a line for each trial that begins
// and one for its end; a line is on the disk before anyone goes by it, and half a last one, of a
// process that was killed, is dropped. Any number of processes may work on one folder.
class TrialStore {
 public:
  // Makes the folder where it is absent, with what the search is. Throws invalid_argument where the
  // folder holds something else, or was begun with other facts or another recipe, whose difference
  // it names; io where the system refuses.
  TrialStore(std::string folder, const SearchFacts& facts, const Recipe& base);

  const std::string& folder() const { return folder_; }
  // FOLDER/trial-0000, a run folder.
  std::string run_of(int64_t trial) const;
  // All trials that have begun, by number. Throws bad_data beginning with FILE:LINE.
  std::vector<Trial> read() const;

  // A trial that this process alone has, until it is gone.
  struct Claim {
    Trial trial;
    std::unique_ptr<FileLock> lock;
  };
  // A trial that has begun and that no living process has; else a new one where `propose` (called
  // while the store is locked) gives its point and settings; else none.
  using Propose = std::function<std::optional<Trial>(const std::vector<Trial>& begun)>;
  std::optional<Claim> claim(const Propose& propose);
  // Notes down how a claimed trial has ended.
  void end(const Trial& trial);

 private:
  std::unique_ptr<FileLock> locked() const;
  void append(const std::string& line);

  std::string folder_;
};

}  // namespace gradus
