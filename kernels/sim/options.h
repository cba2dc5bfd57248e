// SPDX-License-Identifier: Apache-2.0
// How the next launches run in the simulator. Change only between launches.
#pragma once

#include <cstdint>

namespace gradus::sim {

// Which ready thread runs next. `forward` is first in, first out; `reverse` last in, first out.
enum class Order { forward, reverse, random };

// When asynchronous work (cp.async, bulk copies, streams) moves its data: as late as the rules
// allow, at the moment of issue, or either by the seed.
enum class Completion { late, random, eager };

struct Options {
  uint64_t seed = 1;
  Order order = Order::forward;
  Completion completion = Completion::late;
  // Clocks, shadow memory and bounds, for kernels compiled with hooks. Protocol errors and
  // deadlocks are always reported.
  bool checks = true;
  // Bytes per shadow cell: 1, 2 or 4. A larger cell than the smallest element two threads write
  // side by side reports races that do not exist.
  int granule = 2;
  // OS threads that share the clusters of a grid.
  int os_threads = 1;
  // Memory transactions and bank conflicts per launch (slow).
  bool count_accesses = false;
  // Collects the call sites of synchronising wrappers (see sites.h).
  bool record_sites = false;
};

Options& options();

}  // namespace gradus::sim
