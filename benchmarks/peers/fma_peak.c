// SPDX-License-Identifier: Apache-2.0
// Prints the f32 multiply-add rate of N threads in GFLOP/s: the clock of a benchmark window. Built
// for this machine by train_peers.py.
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef __AVX512F__
#define LANES 16
#else
#define LANES 8  // two times 12 registers would not fit
#endif
#define CHAINS 12
typedef float vec __attribute__((vector_size(4 * LANES)));

static double chains(long rounds) {
  vec a[CHAINS];
  const vec x = (vec){0} + 0.999f, y = (vec){0} + 0.001f;
  for (int i = 0; i < CHAINS; ++i) a[i] = (vec){0} + (float)i;
  for (long r = 0; r < rounds; ++r)
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; ++i) a[i] = a[i] * x + y;
  float sum = 0;
  for (int i = 0; i < CHAINS; ++i)
    for (int lane = 0; lane < LANES; ++lane) sum += a[i][lane];
  return sum;
}

int main(int argc, char** argv) {
  const int threads = argc > 1 ? atoi(argv[1]) : 1;
  const long rounds = 2000000;
  double best = 0, sink = 0;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const double start = omp_get_wtime();
#pragma omp parallel num_threads(threads) reduction(+ : sink)
    sink += chains(rounds);
    const double seconds = omp_get_wtime() - start;
    const double rate = 2.0 * LANES * CHAINS * rounds * threads / seconds / 1e9;
    if (rate > best) best = rate;
  }
  printf("%.1f\n", best);
  return sink == 0.123;
}
