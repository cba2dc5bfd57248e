// SPDX-License-Identifier: Apache-2.0
#include "tools/stop_signals.h"

#include <csignal>
#include <initializer_list>

namespace gradus {
namespace {

volatile std::sig_atomic_t was_asked = 0;

// Sets a flag, and gives both signals their own effect back for the next time. Where two come at
// once, another thread may be in here already.
void ask(int number) {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  if (was_asked) std::raise(number);
  was_asked = 1;
}

// Who started us may have chosen to ignore a signal: nohup, a shell's background job.
void install(int number) {
  struct sigaction known {};
  if (sigaction(number, nullptr, &known) == 0 && known.sa_handler == SIG_IGN) return;
  struct sigaction action {};
  action.sa_handler = ask;
  action.sa_flags = SA_RESTART;
  // Neither interrupts the handler, so that a second one always meets what the handler set.
  sigemptyset(&action.sa_mask);
  sigaddset(&action.sa_mask, SIGINT);
  sigaddset(&action.sa_mask, SIGTERM);
  sigaction(number, &action, nullptr);
}

}  // namespace

StopSignals::StopSignals() {
  was_asked = 0;
  install(SIGINT);
  install(SIGTERM);
}

StopSignals::~StopSignals() {
  for (const int number : {SIGINT, SIGTERM}) {
    struct sigaction known {};
    if (sigaction(number, nullptr, &known) == 0 && known.sa_handler == ask)
      std::signal(number, SIG_DFL);
  }
}

bool StopSignals::asked() { return was_asked != 0; }

}  // namespace gradus
