// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "data/sampler.h"
#include "training/program.h"

namespace gradus {

// Hands out the host batch of each micro-step in order, filled ahead of time by threads. What is in
// a batch depends on its position alone, whatever the number of threads, so a position is all that
// a checkpoint needs. Steps allocate nothing.
class Loader {
 public:
  struct Options {
    int64_t parts = 1;    // micro-steps that a step of the sampler is cut into
    int64_t workers = 0;  // threads; 0: the caller fills a batch when it asks for it
    int64_t end = 0;      // positions that will be asked for: 0 .. end - 1
  };

  // `specs` are of a micro-step of each form of the sampler's batches (training_specs).
  Loader(std::shared_ptr<const Dataset> data, Sampler sampler, const std::vector<BatchSpec>& specs,
         DType dtype, const Options& options);
  Loader(std::shared_ptr<const Dataset> data, Sampler sampler, const BatchSpec& spec, DType dtype,
         const Options& options)
      : Loader(std::move(data), std::move(sampler), std::vector{spec}, dtype, options) {}
  // How many batches of each form it holds.
  static int64_t slots(int64_t workers);
  ~Loader();  // leaves what is being filled to end first
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  // The batch of micro-step `position` = step * parts + part, both from 0. Valid until the next
  // call, and the caller's to change. Positions may be asked for in any order; the next one is what
  // is ready. Throws here what the data set threw for this batch, and again when asked again.
  HostBatch& at(int64_t position);

 private:
  struct Slot {
    Slot(const std::vector<BatchSpec>& specs, DType dtype);
    HostBatch& batch() { return batches[form]; }

    std::vector<HostBatch> batches;  // one of each form
    size_t form = 0;                 // that it has now
    std::vector<int64_t> samples = {};
    uint64_t epoch = 0;
    bool ready = false;
    std::exception_ptr error = {};
  };

  Slot& slot_of(int64_t position) { return *slots_[static_cast<size_t>(position) % slots_.size()]; }
  void stop();
  bool may_begin() const;
  void assign(int64_t position);
  void fill(Slot& slot) const;
  void work();
  void restart(int64_t position, std::unique_lock<std::mutex>& lock);

  std::shared_ptr<const Dataset> data_;
  Sampler sampler_;
  Options options_;
  std::vector<std::unique_ptr<Slot>> slots_;

  // All below, the sampler and what slots say are guarded by the mutex; a slot's batch belongs to
  // the worker that it is assigned to, then to the caller.
  std::mutex mutex_;
  std::condition_variable work_, done_;
  int64_t held_ = 0;  // the caller has this one; later ones are ahead
  int64_t next_ = 0;  // the first that no worker has taken
  int64_t busy_ = 0;  // workers that fill
  bool stopped_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace gradus
