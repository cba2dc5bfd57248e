// SPDX-License-Identifier: Apache-2.0
#include "training/checkpoint_saver.h"

#include <chrono>
#include <filesystem>
#include <thread>

#include "engine/base/error.h"
#include "engine/io/output_file.h"

namespace gradus {
namespace {

constexpr int attempts = 3;
constexpr std::chrono::milliseconds pause{100};

// A quota or a network file system may refuse once and not again.
void tried(const std::function<void()>& work) {
  for (int attempt = 1;; ++attempt) {
    try {
      return work();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::io || attempt == attempts) throw;
    }
    std::this_thread::sleep_for(attempt * pause);
  }
}

// The last attempt may have failed after its checkpoint was whole.
void write_once(const std::string& folder, const NamedTensors& states, const Progress& progress) {
  const std::string path =
      (std::filesystem::path(folder) / checkpoint_name(progress.position)).string();
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return write_checkpoint(folder, states, progress);
  check_checkpoint(path);
  flush_folder(folder);
}

}  // namespace

CheckpointSaver::CheckpointSaver(std::string folder, const StateStore& states, MetricsLog& metrics,
                                 int64_t keep, bool asynchronous)
    : folder_(std::move(folder)),
      states_(states),
      metrics_(metrics),
      keep_(keep),
      asynchronous_(asynchronous) {
  for (const auto& [name, state] : states.all())
    copy_[name] = asynchronous ? Tensor(state.dtype(), state.shape()) : state;
}

CheckpointSaver::~CheckpointSaver() {
  if (under_way_.valid()) under_way_.wait();
}

void CheckpointSaver::save(const Progress& progress, const std::vector<int64_t>& best) {
  wait();
  if (!asynchronous_) return write(progress, best);
  for (auto& [name, tensor] : copy_) tensor.copy_from(states_.get(name));
  under_way_ = std::async(std::launch::async, [this, progress, best] { write(progress, best); });
}

void CheckpointSaver::check() {
  if (under_way_.valid() &&
      under_way_.wait_for(std::chrono::seconds(0)) == std::future_status::ready)
    under_way_.get();
}

void CheckpointSaver::wait() {
  if (under_way_.valid()) under_way_.get();
}

void CheckpointSaver::write(const Progress& progress, const std::vector<int64_t>& best) const {
  tried([&] { metrics_.flush(); });
  tried([&] { write_once(folder_, copy_, progress); });
  tried([&] { drop_oldest_checkpoints(folder_, keep_, best); });
}

}  // namespace gradus
