// SPDX-License-Identifier: Apache-2.0
#include "training/quantity.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/data/temporary_folder.h"
#include "training/machine_memory.h"

namespace gradus {
namespace {

TEST(Duration, IsReadAsPeopleWriteIt) {
  EXPECT_EQ(parse_duration("90s"), 90);
  EXPECT_EQ(parse_duration("30m"), 1800);
  EXPECT_EQ(parse_duration("2h"), 7200);
  EXPECT_EQ(parse_duration("1h30m"), 5400);
  EXPECT_EQ(parse_duration("1d2h3m4s"), 93784);
  EXPECT_EQ(parse_duration("1.5h"), 5400);
  EXPECT_EQ(parse_duration("0.25s"), 0.25);
}

TEST(Duration, RefusesTheRest) {
  for (const char* text : {"",
                           "90",
                           "s",
                           "2 h",
                           "2H",
                           "h2",
                           "30m2h",
                           "1h1h",
                           "-2h",
                           "+2h",
                           "0s",
                           "0h0m",
                           "1e3s",
                           "nan",
                           "infs",
                           ".h",
                           "1..5h",
                           "1.2.3h",
                           "2h ",
                           " 2h",
                           "2hours",
                           "99999999d",
                           "2h30",
                           "\xef\xbb\xbf"
                           "2h",
                           "1e999s",
                           "999999999999999999999999999999999999999999s"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(ByteSize, IsReadAsPeopleWriteIt) {
  EXPECT_EQ(parse_byte_size("8GiB"), int64_t{8} << 30);
  EXPECT_EQ(parse_byte_size("8 GiB"), int64_t{8} << 30);
  EXPECT_EQ(parse_byte_size("512MiB"), int64_t{512} << 20);
  EXPECT_EQ(parse_byte_size("1.5KiB"), 1536);
  EXPECT_EQ(parse_byte_size("8GB"), 8'000'000'000);
  EXPECT_EQ(parse_byte_size("4096"), 4096);
  EXPECT_EQ(parse_byte_size("4096B"), 4096);
}

TEST(ByteSize, RefusesTheRest) {
  for (const char* text : {"", "GiB", "8G", "8gib", "8GiBs", "-8GiB", "0", "0.5", "1e9", "nan",
                           "inf", "8..GiB", "99999999TiB", "8GiB ", "8\nGiB"})
    EXPECT_FALSE(parse_byte_size(text)) << text;
}

class MachineMemory : public ::testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path whole = folder_.file(path);
    std::filesystem::create_directories(whole.parent_path());
    std::ofstream(whole) << text;
  }

  TemporaryFolder folder_;
};

TEST_F(MachineMemory, IsWhatTheMachineHasFree) {
  EXPECT_GE(available_memory(folder_.path()), INT64_MAX);
  write("proc/meminfo", "MemTotal:       24684524 kB\nMemAvailable:   17000 kB\n");
  EXPECT_EQ(available_memory(folder_.path()), 17000 * 1024);
}

TEST_F(MachineMemory, IsWhatTheTightestControlGroupLeaves) {
  write("proc/meminfo", "MemAvailable:   17000000 kB\n");
  write("proc/self/cgroup", "0::/user/job\n");
  write("sys/fs/cgroup/user/job/memory.max", "max\n");
  write("sys/fs/cgroup/user/job/memory.current", "1000\n");
  EXPECT_EQ(available_memory(folder_.path()), int64_t{17000000} * 1024);
  write("sys/fs/cgroup/user/memory.max", "50000\n");
  write("sys/fs/cgroup/user/memory.current", "30000\n");
  EXPECT_EQ(available_memory(folder_.path()), 20000);
  write("sys/fs/cgroup/user/memory.stat", "anon 20000\ninactive_file 10000\n");
  EXPECT_EQ(available_memory(folder_.path()), 30000);
  write("sys/fs/cgroup/user/job/memory.max", "900\n");
  EXPECT_EQ(available_memory(folder_.path()), 0);  // it has more already
}

TEST_F(MachineMemory, KnowsTheFirstVersionOfControlGroups) {
  write("proc/self/cgroup", "4:memory:/docker/abc\n3:cpu:/\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "70000\n");
  write("sys/fs/cgroup/memory/memory.usage_in_bytes", "10000\n");
  EXPECT_EQ(available_memory(folder_.path()), 60000);
}

TEST_F(MachineMemory, OfThisMachineIsSomething) {
  EXPECT_GT(available_memory(), 0);
  EXPECT_LT(available_memory(), INT64_MAX);
}

}  // namespace
}  // namespace gradus
