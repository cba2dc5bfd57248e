// SPDX-License-Identifier: Apache-2.0
#include "kernels/sim/operations.h"

#include <algorithm>
#include <deque>
#include <mutex>

#include "kernels/sim/clock.h"
#include "kernels/sim/options.h"
#include "kernels/sim/random.h"

namespace gradus::sim {
namespace {

// How many operations of each queue are known to be in the past; missing entries are 0.
void join_marks(Clock& clock, const Clock& other) {
  if (clock.size() < other.size()) clock.resize(other.size(), 0);
  join(clock.data(), other.data(), other.size());
}

void join_mark(Clock& clock, const Mark& mark) {
  if (clock.size() <= mark.queue) clock.resize(mark.queue + 1, 0);
  clock[mark.queue] = std::max(clock[mark.queue], mark.count);
}

struct Operation {
  Mark place;  // after which `place.queue` holds `place.count` operations
  Clock past;
  std::string name;
  Work work;
  std::vector<Mark> after;
};

struct Queue {
  std::vector<uint32_t> operations;  // by number
  uint32_t done = 0;
};

struct State {
  std::recursive_mutex mutex;  // held while operations run
  std::mutex table;            // held while `operations` grows, and by kernels that look at it
  std::deque<Operation> operations;  // number - 1
  std::deque<Queue> queues;
  Clock host;  // what the host has waited for
  bool failed = false;
  Random random{1};

  Operation& operation(uint32_t number) { return operations[number - 1]; }
};

State& state() {
  static State instance;
  return instance;
}

void run_until(State& s, const Mark& mark);

void run_next(State& s, Queue& queue) {
  const uint32_t number = queue.operations[queue.done];
  Operation& operation = s.operation(number);
  for (const Mark& mark : operation.after) run_until(s, mark);
  ++queue.done;
  if (operation.work && !s.failed && !operation.work(number)) s.failed = true;
  operation.work = nullptr;
}

// With random completion, other queues may get ahead of what is needed.
void run_something_else(State& s) {
  if (options().completion != Completion::random || !s.random.coin()) return;
  Queue& other = s.queues[s.random.below(static_cast<uint32_t>(s.queues.size()))];
  if (other.done < other.operations.size()) run_next(s, other);
}

void run_until(State& s, const Mark& mark) {
  Queue& queue = s.queues[mark.queue];
  while (queue.done < mark.count) {
    run_something_else(s);
    if (queue.done < mark.count) run_next(s, queue);
  }
}

}  // namespace

QueueId create_queue() {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  s.queues.emplace_back();
  return static_cast<QueueId>(s.queues.size() - 1);
}

Mark mark_queue(QueueId queue) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  return {queue, static_cast<uint32_t>(s.queues[queue].operations.size())};
}

void enqueue(QueueId queue, std::string name, Work work, const std::vector<Mark>& after) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  const Mark before = mark_queue(queue);
  Operation operation{{queue, before.count + 1}, s.host, std::move(name), std::move(work), after};
  const auto inherit = [&](const Mark& mark) {
    join_mark(operation.past, mark);
    if (mark.count == 0) return;
    join_marks(operation.past, s.operation(s.queues[mark.queue].operations[mark.count - 1]).past);
  };
  inherit(before);
  for (const Mark& mark : after) inherit(mark);
  {
    const std::lock_guard table(s.table);
    s.operations.push_back(std::move(operation));
  }
  s.queues[queue].operations.push_back(static_cast<uint32_t>(s.operations.size()));
  if (options().completion == Completion::eager) run_until(s, {queue, before.count + 1});
}

bool wait_for(const Mark& mark) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  run_until(s, mark);
  join_mark(s.host, mark);
  if (mark.count > 0)
    join_marks(s.host, s.operation(s.queues[mark.queue].operations[mark.count - 1]).past);
  return !s.failed;
}

bool wait_for_all() {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  for (QueueId queue = 0; queue < s.queues.size(); ++queue) wait_for(mark_queue(queue));
  return !s.failed;
}

bool reached(const Mark& mark) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  return s.queues[mark.queue].done >= mark.count;
}

void clear_failure() {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  s.failed = false;
}

bool operation_before(uint32_t earlier, uint32_t later) {
  State& s = state();
  const std::lock_guard lock(s.table);
  const Mark& place = s.operation(earlier).place;
  const Clock& past = s.operation(later).past;
  return earlier == later || (place.queue < past.size() && past[place.queue] >= place.count);
}

std::string operation_name(uint32_t operation) {
  State& s = state();
  const std::lock_guard lock(s.table);
  return s.operation(operation).name;
}

}  // namespace gradus::sim
