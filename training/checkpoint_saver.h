// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <future>
#include <string>
#include <vector>

#include "training/checkpoint.h"
#include "training/metrics_log.h"

namespace gradus {

// Saves the checkpoints of a run, here or in a thread of its own. At most one is under way.
class CheckpointSaver {
 public:
  // All outlive it. `folder` is RUN/checkpoints; the newest `keep` stay, and the best. With
  // `asynchronous` a copy of the states is made now and used for each checkpoint.
  CheckpointSaver(std::string folder, const StateStore& states, MetricsLog& metrics, int64_t keep,
                  bool asynchronous);
  ~CheckpointSaver();  // waits; an error is lost then
  CheckpointSaver(const CheckpointSaver&) = delete;
  CheckpointSaver& operator=(const CheckpointSaver&) = delete;

  // Saves the states as they are now; the lines of metrics.jsonl reach the disk before. Refusals
  // of the system are tried three times, a little apart. Afterwards the oldest go, but those of the
  // steps `best`. Throws as write_checkpoint, asynchronously from the call after.
  void save(const Progress& progress, const std::vector<int64_t>& best);
  // Throws what a save that has ended since has met. Allocates nothing.
  void check();
  // Until nothing is under way; throws as check.
  void wait();

 private:
  void write(const Progress& progress, const std::vector<int64_t>& best) const;

  std::string folder_;
  const StateStore& states_;
  MetricsLog& metrics_;
  int64_t keep_;
  bool asynchronous_;
  NamedTensors copy_;
  std::future<void> under_way_;
};

}  // namespace gradus
