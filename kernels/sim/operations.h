// SPDX-License-Identifier: Apache-2.0
// Device work in its queues. An operation is queued with what it comes after; it runs as late as
// possible: when someone waits for it. Two operations with no path of queue order, events and host
// waits between them are unordered, and touching the same memory from both is a race, whatever
// order they really ran in.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace gradus::sim {

using QueueId = uint32_t;

// A position in a queue: its first `count` operations.
struct Mark {
  QueueId queue = 0;
  uint32_t count = 0;
};

// What an operation does when its turn comes; the argument is its number. Returns false where
// reports were added.
using Work = std::function<bool(uint32_t operation)>;

QueueId create_queue();
// The queue's operations so far.
Mark mark_queue(QueueId queue);

// Adds `work` after everything in the queue, `after`, and all the host has waited for.
void enqueue(QueueId queue, std::string name, Work work, const std::vector<Mark>& after = {});

// Runs what must run for `mark` to be reached; the host has waited for it from then on. Returns
// false where any operation failed; the failed state stays until clear_failure().
bool wait_for(const Mark& mark);
bool wait_for_all();
bool reached(const Mark& mark);
void clear_failure();

// Whether operation `earlier` is ordered before `later`, both by number.
bool operation_before(uint32_t earlier, uint32_t later);
std::string operation_name(uint32_t operation);

}  // namespace gradus::sim
