// SPDX-License-Identifier: Apache-2.0
#include "tools/matmul_peak.h"

#include <algorithm>
#include <chrono>
#include <memory>

#include "engine/exec/executable.h"

namespace gradus {
namespace {

using Clock = std::chrono::steady_clock;

// Seconds of the shortest of the calls that fit into `budget` seconds; at least three.
template <class Body>
double shortest(double budget, Body&& body) {
  const Clock::time_point begin = Clock::now();
  double best = 1e30;
  for (int calls = 0;; ++calls) {
    const Clock::time_point start = Clock::now();
    body();
    const Clock::time_point end = Clock::now();
    best = std::min(best, std::chrono::duration<double>(end - start).count());
    if (calls >= 2 && std::chrono::duration<double>(end - begin).count() > budget) return best;
  }
}

}  // namespace

double measure_matmul_peak(double seconds) {
  constexpr int64_t n = 1024;
  auto graph = std::make_shared<Graph>();
  const Value a = graph->state("a", DType::f32, {n, n}), b = graph->state("b", DType::f32, {n, n});
  graph->output("c", apply1("matmul", {a, b}));
  StateStore states(cpu_device());
  Arena arena(cpu_device());
  Executable program(graph, states, arena);
  states.set("a", Tensor::full(DType::f32, {n, n}, 0.5));
  states.set("b", Tensor::full(DType::f32, {n, n}, 2));
  return 2.0 * n * n * n / shortest(seconds, [&] { program.run(); });
}

}  // namespace gradus
