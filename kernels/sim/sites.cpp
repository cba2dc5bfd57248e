// SPDX-License-Identifier: Apache-2.0
#include "kernels/sim/sites.h"

#include <atomic>
#include <map>
#include <mutex>

#include "kernels/sim/cluster.h"
#include "kernels/sim/options.h"

namespace gradus::sim {
namespace {

struct State {
  std::mutex mutex;
  std::map<uint32_t, const char*> seen;
  std::atomic<uint32_t> dropped{0};
  std::atomic<uint64_t> dropped_calls{0};
  std::atomic<int> planted{0};
};

State& state() {
  static State instance;
  return instance;
}

}  // namespace

std::vector<Site> take_sites() {
  const std::lock_guard lock(state().mutex);
  std::vector<Site> sites;
  for (const auto& [address, call] : state().seen) sites.push_back({address, call});
  state().seen.clear();
  return sites;
}

void drop_site(uint32_t address) {
  state().dropped = address;
  state().dropped_calls = 0;
}

uint64_t dropped_calls() { return state().dropped_calls; }

bool dropped(const Entry& entry, const char* call) {
  State& s = state();
  if (options().record_sites) {
    const std::lock_guard lock(s.mutex);
    s.seen.emplace(entry.site, call);
  }
  if (entry.site != s.dropped.load(std::memory_order_relaxed)) return false;
  s.dropped_calls.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void plant(int fault) { state().planted = fault; }

bool planted(int fault) { return state().planted.load(std::memory_order_relaxed) == fault; }

}  // namespace gradus::sim
