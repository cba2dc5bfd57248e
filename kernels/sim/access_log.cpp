// SPDX-License-Identifier: Apache-2.0
#include "kernels/sim/access_log.h"

#include <algorithm>
#include <array>
#include <set>

namespace gradus::sim {
namespace {

constexpr uint32_t sector_bytes = 32;
constexpr uint32_t bank_bytes = 4;
constexpr uint32_t banks = 32;

uint64_t sectors(const std::vector<uint64_t>& addresses, uint32_t size) {
  std::set<uint64_t> touched;
  for (const uint64_t address : addresses)
    for (uint64_t s = address / sector_bytes; s <= (address + size - 1) / sector_bytes; ++s)
      touched.insert(s);
  return touched.size();
}

// Distinct bytes, so that lanes reading one address count once.
uint64_t distinct_bytes(std::vector<uint64_t> addresses, uint32_t size) {
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses.size() * size;
}

// 8- and 16-byte accesses are served half and quarter warps at a time; within a pass, different
// words of one bank wait for each other.
uint64_t wavefronts(const std::vector<uint64_t>& addresses, uint32_t size) {
  const size_t lanes_per_pass = size <= bank_bytes ? 32 : 32 * bank_bytes / size;
  uint64_t total = 0;
  for (size_t first = 0; first < addresses.size(); first += lanes_per_pass) {
    std::array<std::set<uint64_t>, banks> words;
    const size_t last = std::min(addresses.size(), first + lanes_per_pass);
    for (size_t i = first; i < last; ++i)
      for (uint64_t w = addresses[i] / bank_bytes; w <= (addresses[i] + size - 1) / bank_bytes; ++w)
        words[w % banks].insert(w);
    size_t worst = 1;
    for (const auto& bank : words) worst = std::max(worst, bank.size());
    total += worst;
  }
  return total;
}

uint64_t ideal_wavefronts(size_t lanes, uint32_t size) {
  const size_t lanes_per_pass = size <= bank_bytes ? 32 : 32 * bank_bytes / size;
  return (lanes + lanes_per_pass - 1) / lanes_per_pass;
}

}  // namespace

void Counters::add(const Counters& other) {
  blocks += other.blocks;
  mma += other.mma;
  ldmatrix += other.ldmatrix;
  cp_async_bytes += other.cp_async_bytes;
  barriers += other.barriers;
  global_requests += other.global_requests;
  global_sectors += other.global_sectors;
  global_ideal_sectors += other.global_ideal_sectors;
  shared_requests += other.shared_requests;
  shared_wavefronts += other.shared_wavefronts;
  shared_ideal_wavefronts += other.shared_ideal_wavefronts;
}

void AccessLog::note(uint32_t site, uint32_t execution, uint32_t lane, bool shared,
                     uint64_t address, uint32_t size) {
  Request& request = requests_[(uint64_t{site} << 32) | execution];
  request.shared = shared;
  request.size = std::max(request.size, size);
  request.accesses.emplace_back(lane, address);
}

void AccessLog::flush(Counters& counters) {
  std::vector<uint64_t> addresses;
  for (auto& [key, request] : requests_) {
    std::sort(request.accesses.begin(), request.accesses.end());
    addresses.clear();
    for (const auto& [lane, address] : request.accesses) addresses.push_back(address);
    if (request.shared) {
      ++counters.shared_requests;
      counters.shared_wavefronts += wavefronts(addresses, request.size);
      counters.shared_ideal_wavefronts += ideal_wavefronts(addresses.size(), request.size);
    } else {
      ++counters.global_requests;
      counters.global_sectors += sectors(addresses, request.size);
      const uint64_t bytes = distinct_bytes(addresses, request.size);
      counters.global_ideal_sectors += (bytes + sector_bytes - 1) / sector_bytes;
    }
  }
  requests_.clear();
}

}  // namespace gradus::sim
