// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "training/trainer.h"

namespace gradus {

// What the metrics.jsonl of a finished run says about its end; 0 where it does not say. Changes
// nothing.
TrainingResult read_finished_run(const std::string& run);

}  // namespace gradus
