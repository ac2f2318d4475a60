// SPDX-License-Identifier: BSD-3-Clause
//
// What faults do to the device's own process. A simulation does it to a simulated one.
#include <poll.h>
#include <unistd.h>
#include <csignal>
#include <ctime>

#include "vdev/faults/tally.hpp"
#include "vdev/log/log.hpp"

namespace bellwire {

// A signal that comes just before the sleep interrupts nothing; what it made readable stays so.
void stall_thread(FaultRule::Duration duration, int end) noexcept {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(duration);
  const timespec time{.tv_sec = seconds.count(), .tv_nsec = (duration - seconds).count()};
  pollfd waited{.fd = end, .events = POLLIN, .revents = 0};  // -1 is passed over
  ::ppoll(&waited, 1, &time, nullptr);
}

void crash_process(const FaultTally& tally) {
  log::warning("faults injected: {}; the process is killed now", tally.report());
  log::flush(std::chrono::seconds(1));
  ::kill(::getpid(), SIGKILL);
}

}  // namespace bellwire
