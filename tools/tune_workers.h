// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

namespace gradus {

// Runs `work` in `count` processes at a time and returns the first exit code that is not 0, or 0.
// SIGINT and SIGTERM are passed on to them, and they are asked to stop too where this process dies.
// To be called before this process has started any thread that stays. 1: `work` runs here.
int run_workers(int64_t count, const std::function<int()>& work);

}  // namespace gradus
