// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace gradus {

// While one of these lives, a library that starts OpenMP regions of its own from this thread gets
// one thread. Chunks of parallel_for then stay the only parallel work: the number of threads is
// ours, and it decides no sum's order. In a build without OpenMP it does nothing.
class SerialOpenMp {
 public:
  SerialOpenMp();
  ~SerialOpenMp();
  SerialOpenMp(const SerialOpenMp&) = delete;
  SerialOpenMp& operator=(const SerialOpenMp&) = delete;

 private:
  int saved_ = 0;
};

}  // namespace gradus
