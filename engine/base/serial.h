// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace gradus {

// While it lives, parallel_for runs in the calling thread alone: for threads that work beside the
// one that trains, so that together they take no more processors than asked for.
class SerialSection {
 public:
  SerialSection();
  ~SerialSection();
  SerialSection(const SerialSection&) = delete;
  SerialSection& operator=(const SerialSection&) = delete;

 private:
  bool before_;
};

}  // namespace gradus
