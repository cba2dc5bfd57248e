// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "training/evaluation.h"
#include "training/progress_fields.h"

namespace gradus {

// Between which two micro-steps a run stands. Without accumulation `micro_step` is 0.
struct Position {
  int64_t step = 0;        // optimizer steps done
  int64_t micro_step = 0;  // micro-steps done of the next one
  friend auto operator<=>(const Position&, const Position&) = default;
};

// Everything that a run keeps on the host from step to step; what it keeps on the device are its
// states. Both together are a checkpoint. Data order, masks and learning rate are functions of the
// position.
struct Progress {
  Position position;
  int64_t micro_steps = 1;    // that an optimizer step has
  int64_t samples = 0;        // seen, repetitions counted
  double loss = 0;            // of the last step
  double seconds = 0;         // that the run's processes have trained
  int64_t validated = 0;      // the last step that was validated; 0: none
  Score validation;           // at that step
  ProgressFields parts;       // of the step control
  int64_t metrics_bytes = 0;  // of metrics.jsonl
};

// JSON with numbers that read back exactly.
std::string to_json(const Progress& progress);
// `source` begins the messages. Throws bad_data for text that is not the JSON of a progress and for
// a negative count.
Progress parse_progress(const std::string& text, std::string_view source);

}  // namespace gradus
