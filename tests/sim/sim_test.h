// SPDX-License-Identifier: Apache-2.0
// What the tests of simulated kernels share: device buffers of exactly the right size (so that one
// element past the end is a report), schedules, and reports.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include "kernels/sim/launch.h"
#include "kernels/sim/operations.h"
#include "kernels/sim/options.h"
#include "kernels/sim/random.h"
#include "kernels/sim/report.h"
#include "kernels/sim/sites.h"

namespace gradus::sim_test {

// Device memory with a copy of `values`.
template <class T>
class DeviceBuffer {
 public:
  explicit DeviceBuffer(const std::vector<T>& values) : DeviceBuffer(values.size()) {
    cudaMemcpy(data_, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice);
  }
  // Memory that nothing has written.
  explicit DeviceBuffer(size_t count) : count_(count) { cudaMalloc(&data_, count * sizeof(T)); }
  ~DeviceBuffer() { cudaFree(data_); }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  T* data() { return static_cast<T*>(data_); }
  std::vector<T> read() const {
    std::vector<T> values(count_);
    cudaMemcpy(values.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost);
    return values;
  }

 private:
  void* data_ = nullptr;
  size_t count_;
};

// One value on the device.
template <class T>
class DeviceScalar : public DeviceBuffer<T> {
 public:
  explicit DeviceScalar(T value) : DeviceBuffer<T>(std::vector<T>(1, value)) {}
};

struct Schedule {
  sim::Order order;
  sim::Completion completion;
  uint64_t seed;
};

// Every order with every completion, `seeds` of each random pair and one of each fixed one.
inline std::vector<Schedule> schedules(uint64_t seeds) {
  std::vector<Schedule> all;
  for (const sim::Order order : {sim::Order::forward, sim::Order::reverse, sim::Order::random})
    for (const sim::Completion completion :
         {sim::Completion::late, sim::Completion::random, sim::Completion::eager}) {
      const bool random = order == sim::Order::random || completion == sim::Completion::random;
      for (uint64_t seed = 1; seed <= (random ? seeds : 1); ++seed)
        all.push_back({order, completion, seed});
    }
  return all;
}

inline void use(const Schedule& schedule) {
  sim::options().order = schedule.order;
  sim::options().completion = schedule.completion;
  sim::options().seed = schedule.seed;
}

// Waits for all work, clears the failed state and returns what was reported.
inline std::vector<sim::Report> finish() {
  cudaDeviceSynchronize();
  sim::clear_failure();
  cudaGetLastError();
  return sim::take_reports();
}

inline std::string describe(const std::vector<sim::Report>& reports) {
  std::string text;
  for (const sim::Report& report : reports)
    text += std::string(sim::rule_name(report.rule)) + ": " + report.text + "\n";
  return text;
}

// Each test starts from the default options and must end without reports it has not looked at.
class SimTest : public ::testing::Test {
 protected:
  void SetUp() override {
    sim::options() = {};
    sim::drop_site(0);
    sim::plant(0);
    finish();
  }
  void TearDown() override {
    const auto reports = finish();
    EXPECT_TRUE(reports.empty()) << describe(reports);
    sim::options() = {};
    sim::drop_site(0);
    sim::plant(0);
  }
};

// Values that repeat in no short cycle, in [lo, hi].
inline std::vector<float> numbers(size_t count, float lo, float hi, uint64_t seed = 1) {
  std::vector<float> values(count);
  sim::Random random(seed);
  for (float& value : values)
    value = lo + (hi - lo) * static_cast<float>(random.below(1u << 20)) / float(1u << 20);
  return values;
}

}  // namespace gradus::sim_test
