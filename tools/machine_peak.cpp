// SPDX-License-Identifier: Apache-2.0
#include "tools/machine_peak.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include "engine/base/parallel.h"
#include "engine/device/device.h"
#include "engine/tensor/tensor.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace gradus {
namespace {

constexpr int64_t rounds = 2'000'000;
constexpr int repeats = 5;
constexpr int64_t stream_bytes = int64_t{128} << 20;
constexpr int64_t stream_grain = int64_t{1} << 20;

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Each runs `rounds` times over 12 independent accumulators, enough to hide the latency of a
// multiply-add, and returns something that depends on all.
constexpr int accumulators = 12;

#if defined(__x86_64__)
__attribute__((target("avx512f"))) float fma_avx512() {
  __m512 sums[accumulators];
  for (__m512& sum : sums) sum = _mm512_set1_ps(1.0f);
  const __m512 factor = _mm512_set1_ps(0.999999f), term = _mm512_set1_ps(1e-6f);
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int k = 0; k < accumulators; ++k) sums[k] = _mm512_fmadd_ps(sums[k], factor, term);
  }
  for (int k = 1; k < accumulators; ++k) sums[0] = _mm512_add_ps(sums[0], sums[k]);
  float lanes[16];
  _mm512_storeu_ps(lanes, sums[0]);
  return lanes[0];
}

__attribute__((target("avx2,fma"))) float fma_avx2() {
  __m256 sums[accumulators];
  for (__m256& sum : sums) sum = _mm256_set1_ps(1.0f);
  const __m256 factor = _mm256_set1_ps(0.999999f), term = _mm256_set1_ps(1e-6f);
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int k = 0; k < accumulators; ++k) sums[k] = _mm256_fmadd_ps(sums[k], factor, term);
  }
  for (int k = 1; k < accumulators; ++k) sums[0] = _mm256_add_ps(sums[0], sums[k]);
  float lanes[8];
  _mm256_storeu_ps(lanes, sums[0]);
  return lanes[0];
}
#endif

float fma_plain() {
  float sums[4 * accumulators];
  std::fill_n(sums, 4 * accumulators, 1.0f);
  for (int64_t i = 0; i < rounds; ++i)
    for (float& sum : sums) sum = sum * 0.999999f + 1e-6f;
  float total = 0;
  for (float sum : sums) total += sum;
  return total;
}

double measure_gflops() {
  float (*body)() = fma_plain;
  double lanes = 4;
#if defined(__x86_64__)
  const DeviceInfo& cpu = cpu_device().info();
  if (cpu.avx512) {
    body = fma_avx512;
    lanes = 16;
  } else if (cpu.avx2) {
    body = fma_avx2;
    lanes = 8;
  }
#endif
  const int threads = thread_count();
  std::vector<float> sink(static_cast<size_t>(threads));
  double best = 0;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    const Clock::time_point start = Clock::now();
    parallel_for(threads, [&](int64_t chunk) { sink[static_cast<size_t>(chunk)] = body(); });
    const double flops = 2.0 * accumulators * lanes * static_cast<double>(rounds) * threads;
    best = std::max(best, flops / seconds_since(start) * 1e-9);
  }
  return best;
}

double measure_stream() {
  const Tensor from = Tensor::zeros(DType::u8, {stream_bytes});
  const Tensor to(DType::u8, {stream_bytes});
  double best = 0;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    const Clock::time_point start = Clock::now();
    parallel_range(stream_bytes, stream_grain, [&](int64_t begin, int64_t end) {
      std::memcpy(to.data_as<char>() + begin, from.data_as<char>() + begin,
                  static_cast<size_t>(end - begin));
    });
    best = std::max(best, 2.0 * static_cast<double>(stream_bytes) / seconds_since(start) * 1e-9);
  }
  return best;
}

}  // namespace

MachinePeak measure_machine_peak() { return {measure_gflops(), measure_stream()}; }

}  // namespace gradus
