// SPDX-License-Identifier: Apache-2.0
#include "tools/tune_workers.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <thread>
#include <vector>

#include "engine/base/error.h"
#include "tools/command.h"
#include "tools/command_line.h"
#include "tools/stop_signals.h"

namespace gradus {
namespace {

// A group of its own: what a terminal sends to all of this program's processes reaches them once,
// through their parent, since a second signal ends them at once.
[[noreturn]] void be_worker(pid_t parent, const std::function<int()>& work) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  int code = exit_stopped;
  try {
    if (::getppid() == parent) code = work();  // else it died before it could be watched
  } catch (const Error& error) {
    std::fprintf(stderr, "gradus: error: %s\n", error.what());
    code = exit_code(error.kind());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gradus: error: %s\n", error.what());
    code = exit_code(ErrorKind::internal);
  }
  std::fflush(nullptr);
  ::_exit(code);
}

int exit_code_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void ask_to_stop(const std::vector<pid_t>& workers) {
  for (const pid_t worker : workers)
    if (worker > 0) ::kill(worker, SIGTERM);
}

}  // namespace

int run_workers(int64_t count, const std::function<int()>& work) {
  if (count == 1) return work();
  std::vector<pid_t> workers;
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  for (int64_t i = 0; i < count; ++i) {
    const pid_t worker = ::fork();
    if (worker == 0) be_worker(parent, work);
    if (worker < 0) {
      const int reason = errno;
      ask_to_stop(workers);
      failf(ErrorKind::io, "tune", "cannot start worker {} of {}: {}", i + 1, count,
            std::strerror(reason));
    }
    workers.push_back(worker);
  }
  int code = 0;
  bool asked = false;
  for (size_t left = workers.size(); left > 0;) {
    if (StopSignals::asked() && !asked) {
      ask_to_stop(workers);
      asked = true;
    }
    for (pid_t& worker : workers) {
      int status = 0;
      if (worker == 0 || ::waitpid(worker, &status, WNOHANG) != worker) continue;
      worker = 0;
      --left;
      if (code == 0) code = exit_code_of(status);
    }
    if (left > 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return code;
}

}  // namespace gradus
