// SPDX-License-Identifier: Apache-2.0
// What the simulator found wrong with a kernel. A report ends the launch that caused it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gradus::sim {

enum class Rule {
  uninitialised,    // a read of memory nothing has written
  shared_race,      // two threads, one shared cell, at least one write, no order between them
  global_race,      // the same in device memory, between threads, blocks or operations
  async_in_flight,  // bytes that an asynchronous operation still reads or writes were touched
  mbarrier,         // wrong use of an mbarrier
  barrier,          // wrong use of __syncthreads or a named barrier
  collective,       // wrong use of a warp-wide operation
  bounds,           // outside any allocation, or outside the block's shared memory
  alignment,        // an access of n bytes at an address that is no multiple of n
  host_pointer,     // memory the device cannot reach
  exit_pending,     // a thread ended with copies outstanding
  deadlock,         // no thread can run
  launch,           // a launch the hardware would refuse
};

std::string_view rule_name(Rule rule);

struct Report {
  Rule rule;
  std::string text;  // threads, blocks and source lines
};

void add_report(Report report);

// All reports since the last call, oldest first.
std::vector<Report> take_reports();

// True while reports wait to be taken.
bool has_reports();

// "file.cu:12" of a code address given as its offset in the program image; the address where the
// line is not known. Cached.
std::string site_name(uint32_t site);

// The name of a kernel, given its address. Cached.
std::string kernel_name(const void* kernel);

// Offset of a return address in the program image; always > 0.
uint32_t site_of(const void* return_address);

}  // namespace gradus::sim
