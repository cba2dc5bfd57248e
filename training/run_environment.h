// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "engine/base/device_info.h"

namespace gradus {

class RunFolder;

// Adds a line to RUN/environment.jsonl: what this process is and runs on, as a JSON object (its
// members stand in docs/checkpoints.md). `step` is where it takes the run up. Nothing that a run
// computes depends on that file. Throws io.
void record_environment(RunFolder& folder, const DeviceInfo& device, int64_t step);

}  // namespace gradus
