// SPDX-License-Identifier: Apache-2.0
#include "training/loader.h"

#include <algorithm>
#include <system_error>

#include "engine/base/error.h"
#include "engine/base/serial.h"

namespace gradus {

// One is with the caller, one with each worker, and one may wait in front of each.
int64_t Loader::slots(int64_t workers) { return workers == 0 ? 1 : 2 * workers + 1; }

Loader::Slot::Slot(const std::vector<BatchSpec>& specs, DType dtype) {
  int64_t most = 0;
  for (const BatchSpec& spec : specs) {
    HostBatch& batch = batches.emplace_back(spec, dtype);
    batch.form = batches.size() - 1;
    most = std::max(most, spec.batch);
  }
  samples.reserve(static_cast<size_t>(most));
}

Loader::Loader(std::shared_ptr<const Dataset> data, Sampler sampler,
               const std::vector<BatchSpec>& specs, DType dtype, const Options& options)
    : data_(std::move(data)), sampler_(std::move(sampler)), options_(options) {
  GRADUS_ASSERT(options.parts > 0 && options.workers >= 0, "a loader of {} parts and {} workers",
                options.parts, options.workers);
  GRADUS_ASSERT(specs.size() == sampler_.forms().size(), "{} forms of batches, expected {}",
                specs.size(), sampler_.forms().size());
  for (int64_t i = 0; i < slots(options.workers); ++i)
    slots_.push_back(std::make_unique<Slot>(specs, dtype));
  try {
    for (int64_t i = 0; i < options.workers; ++i) workers_.emplace_back([this] { work(); });
  } catch (const std::system_error& error) {
    stop();
    failf(ErrorKind::out_of_memory, "data.workers", "cannot start thread {} of {}: {}",
          workers_.size() + 1, options.workers, error.what());
  }
}

Loader::~Loader() { stop(); }

void Loader::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  work_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

// The slot of a position is free once the caller has gone beyond the position before it there.
bool Loader::may_begin() const {
  return next_ < options_.end && next_ < held_ + static_cast<int64_t>(slots_.size());
}

void Loader::assign(int64_t position) {
  Slot& slot = slot_of(position);
  const int64_t step = position / options_.parts, part = position % options_.parts;
  const std::span<const int64_t> all = sampler_.batch(step);
  slot.form = sampler_.form_of(step);
  const auto count = static_cast<size_t>(slot.batch().targets.shape()[0]);
  slot.samples.resize(count);
  GRADUS_ASSERT(all.size() == count * static_cast<size_t>(options_.parts),
                "a batch of {} samples in {} parts of {}", all.size(), options_.parts, count);
  std::copy_n(all.begin() + part * static_cast<int64_t>(count), count, slot.samples.begin());
  slot.epoch = static_cast<uint64_t>(sampler_.epoch_of(step));
  slot.ready = false;
  slot.error = nullptr;
}

void Loader::fill(Slot& slot) const {
  try {
    data_->fill_training(slot.samples, slot.epoch, 0, slot.batch().inputs, slot.batch().targets);
  } catch (...) {
    slot.error = std::current_exception();
  }
}

void Loader::work() {
  const SerialSection serial;
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [this] { return stopped_ || may_begin(); });
    if (stopped_) return;
    Slot& slot = slot_of(next_);
    assign(next_);
    ++next_;
    ++busy_;
    lock.unlock();
    fill(slot);
    lock.lock();
    --busy_;
    slot.ready = true;
    done_.notify_all();
  }
}

// Forgets what is ahead.
void Loader::restart(int64_t position, std::unique_lock<std::mutex>& lock) {
  next_ = options_.end;  // nobody begins anything
  done_.wait(lock, [this] { return busy_ == 0; });
  for (const auto& slot : slots_) slot->ready = false;
  held_ = next_ = position;
}

HostBatch& Loader::at(int64_t position) {
  GRADUS_ASSERT(position >= 0 && position < options_.end, "batch {} of {}", position, options_.end);
  std::unique_lock lock(mutex_);
  Slot& slot = slot_of(position);
  const bool follows = position == held_ || position == held_ + 1;
  if (workers_.empty()) {
    if (position != held_ || !slot.ready) {
      assign(position);
      fill(slot);
      slot.ready = true;
      held_ = position;
    }
  } else {
    if (!follows) restart(position, lock);
    held_ = position;
    work_.notify_all();
    done_.wait(lock, [&] { return slot.ready && next_ > position; });
  }
  if (slot.error) std::rethrow_exception(slot.error);
  return slot.batch();
}

}  // namespace gradus
