// SPDX-License-Identifier: Apache-2.0
#include "kernels/sim/cluster.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "kernels/sim/barrier.h"
#include "kernels/sim/operations.h"
#include "kernels/sim/options.h"
#include "kernels/sim/warp.h"

namespace gradus::sim {

thread_local Current current;

Entry::Entry(const void* return_address) : thread(*current.thread), site(site_of(return_address)) {
  current.in_kernel = false;
}

namespace {

// The block with this rank in the cluster with this index.
Dim3 block_position(const LaunchRecord& launch, uint32_t cluster_index, uint32_t rank) {
  const Dim3& size = launch.cluster;
  const Dim3 clusters{launch.grid.x / size.x, launch.grid.y / size.y, launch.grid.z / size.z};
  const Dim3 at = position(cluster_index, clusters);
  const Dim3 inside = position(rank, size);
  return {at.x * size.x + inside.x, at.y * size.y + inside.y, at.z * size.z + inside.z};
}

std::string describe(const Dim3& t, const Dim3& b) {
  return fmt::format("thread ({},{},{}) of block ({},{},{})", t.x, t.y, t.z, b.x, b.y, b.z);
}

}  // namespace

std::string describe(const Thread& thread) { return describe(thread.index, thread.block->index); }

std::string describe(const LaunchRecord& launch, uint32_t cluster_index, uint32_t order) {
  const auto threads = static_cast<uint32_t>(launch.block.count());
  return describe(position(order % threads, launch.block),
                  block_position(launch, cluster_index, order / threads));
}

bool Cluster::run(const LaunchRecord& launch, uint32_t cluster_index) {
  prepare(launch, cluster_index);
  schedule();
  if (!failed_ && running_ > 0) report_deadlock();
  for (Warp& warp : warps_) warp.log.flush(counters_);
  counters_.blocks += blocks_.size();
  current = {};
  return !failed_;
}

void Cluster::prepare(const LaunchRecord& launch, uint32_t cluster_index) {
  launch_ = &launch;
  index_ = cluster_index;
  checks_ = launch.hooked && options().checks;
  failed_ = false;
  random_ = Random(options().seed * 0x2545f4914f6cdd1du + cluster_index);
  const auto ranks = static_cast<uint32_t>(launch.cluster.count());
  const auto block_threads = static_cast<uint32_t>(launch.block.count());
  const uint32_t count = ranks * block_threads;
  clock_length_ = count;
  clocks_.assign(count * clock_length_, 0);
  threads_.resize(count);
  while (stacks_.size() < count) stacks_.emplace_back();
  warps_.assign(ranks * ((block_threads + 31) / 32), Warp{});
  blocks_.clear();
  acquired_ = nullptr;
  shared_snapshots_.clear();
  ready_.clear();
  ready_head_ = 0;
  running_ = count;
  known_before_.fill(0);
  for (uint32_t rank = 0; rank < ranks; ++rank)
    prepare_block(rank, block_position(launch, cluster_index, rank));
}

void Cluster::prepare_block(uint32_t rank, const Dim3& index) {
  blocks_.push_back(std::make_unique<Block>());
  Block& block = *blocks_.back();
  block.rank = rank;
  block.index = index;
  block.threads = static_cast<uint32_t>(launch_->block.count());
  block.exited = 0;
  shared_.open_window(rank, launch_->shared_bytes);
  for (uint32_t linear = 0; linear < block.threads; ++linear)
    prepare_thread(thread(block, linear), block, linear);
}

void Cluster::prepare_thread(Thread& thread, Block& block, uint32_t linear) {
  const uint32_t order = block.rank * block.threads + linear;
  thread.cluster = this;
  thread.block = &block;
  thread.warp = &warps_[block.rank * ((block.threads + 31) / 32) + linear / 32];
  thread.index = position(linear, launch_->block);
  thread.linear = linear;
  thread.order = order;
  thread.lane = linear % 32;
  thread.warp->block = &block;
  thread.warp->first = linear - thread.lane;
  thread.warp->existing |= 1u << thread.lane;
  thread.stack_low = stacks_[order].low();
  thread.start = {thread_main, &thread};
  thread.context = make_fiber(stacks_[order], order);
  thread.clock = &clocks_[order * clock_length_];
  thread.clock[order] = 1;
  thread.copies.clear();
  thread.copy_group = 0;
  thread.released = nullptr;
  thread.picked_up.clear();
  thread.executions.clear();
  thread.state = ThreadState::ready;
  ready_.push_back(&thread);
}

void Cluster::thread_main(FiberContext from, void* argument) {
  Thread& thread = *static_cast<Thread*>(argument);
  Cluster& cluster = *thread.cluster;
  cluster.scheduler_ = from;
  const LaunchRecord& launch = cluster.launch();
  current.in_kernel = true;
  launch.invoke(launch.parameters.get());
  current.in_kernel = false;
  cluster.finish_thread(thread);
  switch_to(cluster.scheduler_, nullptr);
}

void Cluster::finish_thread(Thread& thread) {
  if (!thread.copies.empty())
    fail(Rule::exit_pending,
         fmt::format("{} ends with {} cp.async copies not waited for, the first issued at {}",
                     describe(thread), thread.copies.size(), site_name(thread.copies[0].site)));
  thread.state = ThreadState::done;
  --running_;
  leave_warp(thread);
  leave_barriers(thread);
}

void Cluster::schedule() {
  while (!failed_) {
    Thread* thread = next_ready();
    if (thread == nullptr) return;
    thread->state = ThreadState::running;
    current.thread = thread;
    thread->context = switch_to(thread->context, &thread->start);
  }
}

Thread* Cluster::next_ready() {
  if (ready_head_ == ready_.size()) return nullptr;
  Thread* thread = nullptr;
  if (options().order == Order::forward) {
    thread = ready_[ready_head_++];
    if (ready_head_ == ready_.size()) {
      ready_.clear();
      ready_head_ = 0;
    }
    return thread;
  }
  if (options().order == Order::random)
    std::swap(ready_[random_.below(static_cast<uint32_t>(ready_.size()))], ready_.back());
  thread = ready_.back();
  ready_.pop_back();
  return thread;
}

void Cluster::block_thread(Thread& thread, const char* waiting_for, uint32_t id, uint32_t site) {
  thread.state = ThreadState::blocked;
  thread.waiting_for = waiting_for;
  thread.waiting_id = id;
  thread.waiting_site = site;
  scheduler_ = switch_to(scheduler_, nullptr);
}

void Cluster::wake(Thread& thread) {
  thread.state = ThreadState::ready;
  ready_.push_back(&thread);
}

void Cluster::fail(Rule rule, std::string text) {
  add_report({rule, fmt::format("{}: {}", kernel_name(launch_->kernel), text)});
  failed_ = true;
  std::string().swap(text);  // this frame is abandoned with its fiber
  switch_to(scheduler_, nullptr);
  __builtin_unreachable();
}

bool Cluster::comes_after(uint32_t earlier) {
  uint32_t& known = known_before_[earlier % known_before_.size()];
  if (known == earlier) return true;
  if (!operation_before(earlier, launch_->operation)) return false;
  known = earlier;
  return true;
}

bool Cluster::complete_now() {
  switch (options().completion) {
    case Completion::late:
      return false;
    case Completion::eager:
      return true;
    case Completion::random:
      return random_.coin();
  }
  return false;
}

void Cluster::report_deadlock() {
  std::string text = "no thread can run";
  for (const auto& block : blocks_) {
    for (uint32_t first = 0; first < block->threads;) {
      const Thread& t = thread(*block, first);
      uint32_t last = first;
      const auto same = [&](const Thread& other) {
        return other.state == t.state &&
               (t.state == ThreadState::done ||
                (other.waiting_for == t.waiting_for && other.waiting_id == t.waiting_id &&
                 other.waiting_site == t.waiting_site));
      };
      while (last + 1 < block->threads && same(thread(*block, last + 1))) ++last;
      if (t.state != ThreadState::done)
        text += fmt::format("\n  threads {}-{} of block ({},{},{}) at {} {} [{}]", first, last,
                            block->index.x, block->index.y, block->index.z, t.waiting_for,
                            t.waiting_id, site_name(t.waiting_site));
      first = last + 1;
    }
    for (const auto& [offset, bar] : block->mbarriers)
      if (!bar.waiting.empty())
        text += fmt::format(
            "\n  mbarrier at shared offset {}: phase {}, {} arrivals and {} bytes "
            "outstanding, {} threads waiting",
            offset, bar.phase, bar.pending, bar.bytes, bar.waiting.size());
  }
  add_report({Rule::deadlock, fmt::format("{}: {}", kernel_name(launch_->kernel), text)});
  failed_ = true;
}

}  // namespace gradus::sim
