// SPDX-License-Identifier: BSD-3-Clause
//
// What faults do to the device's own process. A simulation does it to a simulated one.
#include <unistd.h>
#include <csignal>
#include <ctime>

#include "vdev/faults/tally.hpp"
#include "vdev/log/log.hpp"

namespace bellwire {

void stall_thread(FaultRule::Duration duration) noexcept {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(duration);
  const timespec time{.tv_sec = seconds.count(), .tv_nsec = (duration - seconds).count()};
  ::nanosleep(&time, nullptr);
}

void crash_process(const FaultTally& tally) {
  log::warning("faults injected: {}; the process is killed now", tally.report());
  log::flush(std::chrono::seconds(1));
  ::kill(::getpid(), SIGKILL);
}

}  // namespace bellwire
