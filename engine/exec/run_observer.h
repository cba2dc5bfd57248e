// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace gradus {

// Told how far a run is, for profiles. While one watches, a device finishes each step before the
// next is started.
class RunObserver {
 public:
  virtual ~RunObserver() = default;

  virtual void run_begins() = 0;
  // Step `step` of Executable::step_nodes() has ended.
  virtual void step_ended(size_t step) = 0;
};

}  // namespace gradus
