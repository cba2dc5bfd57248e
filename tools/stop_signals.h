// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace gradus {

// While one lives, the first SIGINT or SIGTERM only asks the program to stop, and the second one
// ends it at once, as it would have without this.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  static bool asked();
};

}  // namespace gradus
