// SPDX-License-Identifier: Apache-2.0
// The one way own loops use threads. Work is split into chunks by shape alone; threads only decide
// who runs a chunk, so results do not depend on their number.
#pragma once

#include <cstdint>
#include <type_traits>

namespace gradus {

// Threads used by parallel_for. Default: OMP_NUM_THREADS, else the process's affinity mask.
int thread_count();
void set_thread_count(int threads);

// Which worker of the current parallel_for runs this code: 0 .. thread_count()-1; 0 outside. For
// per-thread scratch only.
int thread_index();

namespace detail {
void parallel_run(int64_t chunks, void (*body)(void*, int64_t), void* context);
}

// Calls body(chunk) once for every chunk in [0, chunks), in any order, possibly at the same time.
// An exception thrown by a chunk is rethrown after all have ended. Nested calls run in the calling
// thread. Allocates nothing.
template <class Body>
void parallel_for(int64_t chunks, Body&& body) {
  using Plain = std::remove_reference_t<Body>;
  detail::parallel_run(
      chunks, [](void* context, int64_t chunk) { (*static_cast<Plain*>(context))(chunk); },
      const_cast<void*>(static_cast<const void*>(&body)));
}

// Splits [0, count) at fixed multiples of `grain` and calls body(begin, end) for each piece.
template <class Body>
void parallel_range(int64_t count, int64_t grain, Body&& body) {
  parallel_for((count + grain - 1) / grain, [&](int64_t chunk) {
    const int64_t begin = chunk * grain;
    const int64_t end = begin + grain < count ? begin + grain : count;
    body(begin, end);
  });
}

// Sets flush-to-zero and denormals-are-zero in this thread for its lifetime; used around tuned f32
// kernels only.
class FlushDenormals {
 public:
  FlushDenormals();
  ~FlushDenormals();
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  unsigned saved_ = 0;
};

}  // namespace gradus
