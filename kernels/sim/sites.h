// SPDX-License-Identifier: Apache-2.0
// Synchronising call sites, found by running, and dropped one at a time: a test of the tests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gradus::sim {

class Entry;

struct Site {
  uint32_t address;  // see site_of()
  std::string call;  // "__syncthreads", "cp_async_wait", ...
};

// Where kernels called a synchronising wrapper since the last call, while Options::record_sites.
std::vector<Site> take_sites();

// From now on the wrapper does nothing when called from this site; 0 for none.
void drop_site(uint32_t address);
// How often the dropped site was reached since drop_site().
uint64_t dropped_calls();

// Asked by every synchronising wrapper before it acts.
bool dropped(const Entry& entry, const char* call);

// Faults planted by hand in a kernel: `if (planted(n))` is false unless a test switched fault n on.
bool planted(int fault);
void plant(int fault);  // 0 for none

}  // namespace gradus::sim
