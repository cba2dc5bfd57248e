// SPDX-License-Identifier: Apache-2.0
// Each rule of the simulator: the right form of a kernel passes and the wrong form is reported,
// under every schedule and on one and two OS threads.
#include "tests/sim/fault_kernels.h"

#include <algorithm>

#include "tests/sim/sim_test.h"

namespace gradus::sim_test {
namespace {

class Faults : public SimTest, public ::testing::WithParamInterface<FaultKernel> {
 protected:
  std::vector<sim::Report> run(bool broken) {
    DeviceBuffer<float> values(std::vector<float>(FaultMemory::count, 0.0f));
    DeviceBuffer<float> unwritten(FaultMemory::count);
    DeviceScalar<int> counter(0);
    const std::vector<float> host(4, 1.0f);
    GetParam().launch({values.data(), unwritten.data(), counter.data(), host.data()}, broken);
    return finish();
  }
};

TEST_P(Faults, RightFormPasses) {
  for (const int os_threads : {1, 2})
    for (const Schedule& schedule : schedules(2)) {
      use(schedule);
      sim::options().os_threads = os_threads;
      const auto reports = run(false);
      ASSERT_TRUE(reports.empty()) << describe(reports);
    }
}

TEST_P(Faults, WrongFormIsReported) {
  const std::vector<sim::Rule>& rules = GetParam().rules;
  for (const int os_threads : {1, 2})
    for (const Schedule& schedule : schedules(2)) {
      use(schedule);
      sim::options().os_threads = os_threads;
      const auto reports = run(true);
      ASSERT_FALSE(reports.empty());
      for (const sim::Report& report : reports)
        ASSERT_TRUE(std::find(rules.begin(), rules.end(), report.rule) != rules.end())
            << describe(reports);
    }
}

INSTANTIATE_TEST_SUITE_P(All, Faults,
                         ::testing::ValuesIn(fault_kernels().begin(), fault_kernels().end()),
                         [](const auto& info) { return std::string(info.param.name); });

class Reports : public SimTest {};

// A report names kernel, threads, both sites and the rule.
TEST_F(Reports, NameWhatAndWhere) {
  DeviceBuffer<float> values(std::vector<float>(FaultMemory::count, 0.0f));
  for (const FaultKernel& kernel : fault_kernels()) {
    if (std::string(kernel.name) != "read_before_write") continue;
    kernel.launch({values.data(), nullptr, nullptr, nullptr}, true);
  }
  const auto reports = finish();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_NE(reports[0].text.find("overwrites what thread (95,0,0) of block (0,0,0) read"),
            std::string::npos)
      << reports[0].text;
  EXPECT_NE(reports[0].text.find("fault_kernels.cu:"), std::string::npos) << reports[0].text;
  EXPECT_NE(reports[0].text.find("read_before_write"), std::string::npos) << reports[0].text;
}

TEST_F(Reports, DeadlockSaysWhoWaitsWhere) {
  DeviceBuffer<float> values(std::vector<float>(FaultMemory::count, 0.0f));
  for (const FaultKernel& kernel : fault_kernels())
    if (std::string(kernel.name) == "different_barriers")
      kernel.launch({values.data(), nullptr, nullptr, nullptr}, true);
  const auto reports = finish();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_NE(reports[0].text.find("threads 0-63 of block (0,0,0) at barrier 1"), std::string::npos)
      << reports[0].text;
  EXPECT_NE(reports[0].text.find("threads 64-95 of block (0,0,0) at barrier 2"), std::string::npos)
      << reports[0].text;
}

}  // namespace
}  // namespace gradus::sim_test
