// SPDX-License-Identifier: Apache-2.0
// Counts what a launch asks of the memory system, from the addresses of its accesses.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

namespace gradus::sim {

// Totals of one launch. A "request" is one warp-wide load, store or atomic.
struct Counters {
  const void* kernel = nullptr;  // see kernel_name()
  uint64_t blocks = 0;
  uint64_t mma = 0;       // warp-wide
  uint64_t ldmatrix = 0;  // 8x8 matrices, warp-wide
  uint64_t cp_async_bytes = 0;
  uint64_t barriers = 0;  // times a block-wide barrier completed
  // With Options::count_accesses:
  uint64_t global_requests = 0;
  uint64_t global_sectors = 0;        // 32-byte sectors touched
  uint64_t global_ideal_sectors = 0;  // that the bytes would fill if they were contiguous
  uint64_t shared_requests = 0;
  uint64_t shared_wavefronts = 0;        // passes over the 32 banks
  uint64_t shared_ideal_wavefronts = 0;  // without bank conflicts

  void add(const Counters& other);
};

// One warp's accesses. The lanes run one after another, so an access of lane i belongs to the same
// request as that of lane j when both are the n-th execution of one site by their lane.
class AccessLog {
 public:
  void note(uint32_t site, uint32_t execution, uint32_t lane, bool shared, uint64_t address,
            uint32_t size);
  // Adds the requests to `counters` and forgets them.
  void flush(Counters& counters);

 private:
  struct Request {
    bool shared = false;
    uint32_t size = 0;
    std::vector<std::pair<uint32_t, uint64_t>> accesses;  // lane, address
  };
  std::unordered_map<uint64_t, Request> requests_;
};

}  // namespace gradus::sim
