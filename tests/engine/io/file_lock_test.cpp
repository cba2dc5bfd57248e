// SPDX-License-Identifier: Apache-2.0
#include "engine/io/file_lock.h"

#include <csignal>
#include <filesystem>
#include <fstream>

#include <sys/wait.h>

#include "engine/base/error.h"
#include "tests/data/temporary_folder.h"

namespace gradus {
namespace {

TEST(FileLock, OneAtATime) {
  const TemporaryFolder folder;
  const std::string path = folder.file("lock");
  {
    const FileLock lock(path);
    try {
      const FileLock second(path);
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid_argument);
      const std::string holder = "in use by process " + std::to_string(getpid()) + " on ";
      EXPECT_NE(std::string(error.what()).find(holder), std::string::npos) << error.what();
    }
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  const FileLock again(path);
}

TEST(FileLock, AFileOfADeadProcessLocksNothing) {
  const TemporaryFolder folder;
  std::ofstream(folder.file("lock")) << "process 1 on this machine\n";
  const FileLock lock(folder.file("lock"));
}

TEST(FileLock, AKilledHolderGivesItBack) {
  const TemporaryFolder folder;
  const std::string path = folder.file("lock");
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const FileLock lock(path);
    if (write(ready[1], "x", 1) == 1) pause();
    _exit(0);
  }
  char byte;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_THROW(FileLock{path}, Error);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(std::filesystem::exists(path));
  const FileLock lock(path);
}

TEST(FileLock, AFolderThatIsMissingIsAnError) {
  EXPECT_THROW(FileLock{"/nonexistent/lock"}, Error);
}

}  // namespace
}  // namespace gradus
