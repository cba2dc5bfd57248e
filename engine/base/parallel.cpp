// SPDX-License-Identifier: Apache-2.0
#include "engine/base/parallel.h"

#include <sched.h>

#include <atomic>
#include <cstdlib>
#include <exception>
#include <mutex>

#include "engine/base/serial.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif
#if !defined(GRADUS_NO_OPENMP)
#include <omp.h>
#else
#include <thread>
#include <vector>
#endif

namespace gradus {
namespace {

thread_local int current_index = 0;
thread_local bool inside = false;

int default_threads() {
  if (const char* text = std::getenv("OMP_NUM_THREADS")) {
    const long value = std::strtol(text, nullptr, 10);
    if (value >= 1 && value <= 1024) return static_cast<int>(value);
  }
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return 1;
}

std::atomic<int> threads{0};

// What the workers of one parallel_run share.
struct Job {
  int64_t chunks;
  void (*body)(void*, int64_t);
  void* context;
  std::atomic<int64_t> next{0};
  std::mutex mutex;
  std::exception_ptr error;

  void work(int index) {
    current_index = index;
    inside = true;
    for (int64_t chunk; (chunk = next.fetch_add(1, std::memory_order_relaxed)) < chunks;) {
      try {
        body(context, chunk);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!error) error = std::current_exception();
      }
    }
    inside = false;
    current_index = 0;
  }
};

}  // namespace

int thread_count() {
  int count = threads.load(std::memory_order_relaxed);
  if (count == 0) {
    count = default_threads();
    threads.store(count, std::memory_order_relaxed);
  }
  return count;
}

void set_thread_count(int count) { threads.store(count < 1 ? 1 : count); }

int thread_index() { return current_index; }

void detail::parallel_run(int64_t chunks, void (*body)(void*, int64_t), void* context) {
  const int64_t wanted = chunks < thread_count() ? chunks : thread_count();
  if (wanted <= 1 || inside) {
    for (int64_t chunk = 0; chunk < chunks; ++chunk) body(context, chunk);
    return;
  }
  Job job{chunks, body, context, {}, {}, {}};
#if !defined(GRADUS_NO_OPENMP)
  // The whole team even for fewer chunks: libgomp allocates, and ends or starts threads, whenever
  // the size of a team changes.
#pragma omp parallel num_threads(thread_count())
  job.work(omp_get_thread_num());
#else
  std::vector<std::thread> workers;
  for (int i = 1; i < wanted; ++i) workers.emplace_back([&job, i] { job.work(i); });
  job.work(0);
  for (std::thread& worker : workers) worker.join();
#endif
  if (job.error) std::rethrow_exception(job.error);
}

SerialSection::SerialSection() : before_(inside) { inside = true; }
SerialSection::~SerialSection() { inside = before_; }

#if defined(__SSE2__)
FlushDenormals::FlushDenormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | 0x8040u); }
FlushDenormals::~FlushDenormals() { _mm_setcsr(saved_); }
#else
FlushDenormals::FlushDenormals() = default;
FlushDenormals::~FlushDenormals() = default;
#endif

}  // namespace gradus
