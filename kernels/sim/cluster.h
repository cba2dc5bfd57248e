// SPDX-License-Identifier: Apache-2.0
// Runs the blocks of one cluster as fibers on the calling OS thread. Reused from cluster to
// cluster.
//
// A fiber runs until it blocks; nothing preempts it, since races are found by clocks. The schedule
// is a function of (seed, index of the cluster).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/sim/fences.h"
#include "kernels/sim/launch.h"
#include "kernels/sim/random.h"
#include "kernels/sim/report.h"
#include "kernels/sim/shared_memory.h"
#include "kernels/sim/thread.h"

namespace gradus::sim {

class Cluster {
 public:
  Cluster() : random_(1) {}
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // Returns false where a report ended the launch.
  bool run(const LaunchRecord& launch, uint32_t cluster_index);

  const LaunchRecord& launch() const { return *launch_; }
  uint32_t index() const { return index_; }
  bool checks() const { return checks_; }
  size_t clock_length() const { return clock_length_; }
  SharedMemory& shared() { return shared_; }
  Random& random() { return random_; }
  Counters& counters() { return counters_; }
  Thread& thread(uint32_t order) { return threads_[order]; }
  Thread& thread(const Block& block, uint32_t linear) {
    return threads_[block.rank * block.threads + linear];
  }
  uint32_t ranks() const { return static_cast<uint32_t>(blocks_.size()); }
  Block& block(uint32_t rank) { return *blocks_[rank]; }
  // What fences of this cluster have acquired from others.
  const std::shared_ptr<const Acquired>& acquired() const { return acquired_; }
  void set_acquired(std::shared_ptr<const Acquired> acquired) { acquired_ = std::move(acquired); }

  SnapshotTable& shared_snapshots() { return shared_snapshots_; }

  // Gives the OS thread to other fibers until wake(thread). Called by `thread` itself.
  void block_thread(Thread& thread, const char* waiting_for, uint32_t id, uint32_t site);
  void wake(Thread& thread);

  // Records the report and ends the launch; the fibers of the cluster are never resumed.
  [[noreturn]] void fail(Rule rule, std::string text);

  // Whether device operation `earlier` is ordered before this launch.
  bool comes_after(uint32_t earlier);

  // Whether this asynchronous operation should move its data now rather than at its wait.
  bool complete_now();

 private:
  static void thread_main(FiberContext from, void* argument);
  void prepare(const LaunchRecord& launch, uint32_t cluster_index);
  void prepare_block(uint32_t rank, const Dim3& index);
  void prepare_thread(Thread& thread, Block& block, uint32_t linear);
  void finish_thread(Thread& thread);
  void schedule();
  Thread* next_ready();
  void report_deadlock();

  const LaunchRecord* launch_ = nullptr;
  uint32_t index_ = 0;
  bool checks_ = false;
  bool failed_ = false;
  size_t clock_length_ = 0;
  Random random_;
  SharedMemory shared_;
  std::vector<uint32_t> clocks_;
  std::vector<FiberStack> stacks_;
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  std::vector<std::unique_ptr<Block>> blocks_;
  std::shared_ptr<const Acquired> acquired_;
  SnapshotTable shared_snapshots_;
  std::vector<Thread*> ready_;
  size_t ready_head_ = 0;
  FiberContext scheduler_ = nullptr;
  uint32_t running_ = 0;
  Counters counters_;
  std::array<uint32_t, 16> known_before_{};  // operations comes_after() has said yes to
};

// The simulated thread this OS thread is running, and whether it is in kernel code (and not in the
// simulator): hooks look at kernel code only.
struct Current {
  Thread* thread = nullptr;
  bool in_kernel = false;
};
extern thread_local Current current __attribute__((tls_model("initial-exec")));

// Entered by every function of the simulator that kernel code calls.
class Entry {
 public:
  explicit Entry(const void* return_address);
  ~Entry() { current.in_kernel = true; }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

  Thread& thread;
  const uint32_t site;
};

// "thread (1,0,0) of block (2,0,0)".
std::string describe(const Thread& thread);
// The same of the thread with clock entry `order` in another cluster of the launch.
std::string describe(const LaunchRecord& launch, uint32_t cluster_index, uint32_t order);

}  // namespace gradus::sim
