// SPDX-License-Identifier: Apache-2.0
#include "kernels/sim/launch.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "kernels/sim/cluster.h"
#include "kernels/sim/fences.h"
#include "kernels/sim/options.h"
#include "kernels/sim/report.h"

namespace gradus::sim {
namespace {

constexpr uint64_t max_block_threads = 1024;
constexpr uint64_t max_cluster_blocks = 8;

// Arenas, stacks and shadows are kept from launch to launch.
class ClusterPool {
 public:
  std::unique_ptr<Cluster> take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return std::make_unique<Cluster>();
    auto cluster = std::move(free_.back());
    free_.pop_back();
    return cluster;
  }
  void give_back(std::unique_ptr<Cluster> cluster) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(cluster));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Cluster>> free_;
};

ClusterPool& pool() {
  static ClusterPool instance;
  return instance;
}

constexpr size_t kept_counters = 4096;  // of the latest launches

struct Totals {
  std::mutex mutex;
  std::deque<Counters> list;
};

Totals& totals() {
  static Totals instance;
  return instance;
}

bool refuse(const LaunchRecord& launch, const std::string& what) {
  add_report({Rule::launch, fmt::format("{}: {}", kernel_name(launch.kernel), what)});
  return false;
}

bool acceptable(const LaunchRecord& launch) {
  const Dim3 &grid = launch.grid, &block = launch.block, &cluster = launch.cluster;
  if (grid.count() == 0 || grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535)
    return refuse(launch, fmt::format("a grid of {} x {} x {}", grid.x, grid.y, grid.z));
  if (block.count() == 0 || block.count() > max_block_threads || block.z > 64)
    return refuse(launch, fmt::format("blocks of {} x {} x {}", block.x, block.y, block.z));
  if (cluster.count() == 0 || cluster.count() > max_cluster_blocks || grid.x % cluster.x != 0 ||
      grid.y % cluster.y != 0 || grid.z % cluster.z != 0)
    return refuse(launch, fmt::format("clusters of {} x {} x {} in a grid of {} x {} x {}",
                                      cluster.x, cluster.y, cluster.z, grid.x, grid.y, grid.z));
  if (launch.shared_bytes > max_shared_bytes)
    return refuse(launch, fmt::format("{} bytes of shared memory, at most {}", launch.shared_bytes,
                                      max_shared_bytes));
  // Kernels compiled without hooks leave memory that hooked ones would call uninitialised.
  static const bool hooked = launch.hooked;
  if (launch.hooked != hooked)
    return refuse(launch, "kernels with and without access hooks in one program");
  return true;
}

}  // namespace

bool run_launch(const LaunchRecord& launch) {
  if (!acceptable(launch)) return false;
  clear_device_snapshots();
  const auto clusters = static_cast<uint32_t>(launch.grid.count() / launch.cluster.count());
  std::atomic<uint32_t> next{0};
  std::atomic<bool> ok{true};
  Counters counters;
  counters.kernel = launch.kernel;
  std::mutex mutex;
  const auto work = [&] {
    auto cluster = pool().take();
    cluster->counters() = {};
    for (uint32_t i = next++; i < clusters && ok; i = next++)
      if (!cluster->run(launch, i)) ok = false;
    {
      const std::lock_guard lock(mutex);
      counters.add(cluster->counters());
    }
    pool().give_back(std::move(cluster));
  };
  std::vector<std::thread> others;
  const auto workers = std::min<uint32_t>(clusters, static_cast<uint32_t>(options().os_threads));
  for (uint32_t i = 1; i < workers; ++i) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
  const std::lock_guard lock(totals().mutex);
  totals().list.push_back(counters);
  if (totals().list.size() > kept_counters) totals().list.pop_front();
  return ok;
}

std::vector<Counters> take_counters() {
  const std::lock_guard lock(totals().mutex);
  std::vector<Counters> all(totals().list.begin(), totals().list.end());
  totals().list.clear();
  return all;
}

}  // namespace gradus::sim
