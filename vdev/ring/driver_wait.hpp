// SPDX-License-Identifier: BSD-3-Clause
//
// How a driver waits for a completion: it looks as long as that pays, then sleeps until it is
// called. Ringing and sleeping are its user's, who knows the wires. One thread at a time.
#pragma once

#include "vdev/core/poll_time.hpp"
#include "vdev/ring/driver_queue.hpp"

namespace bellwire::ring {

/// Until there is a completion, or `patience` is over; a second at most, then it is time to ask
/// why.
inline bool look(const DriverQueue& queue, const PollTime& patience,
                 PollTime::Clock::time_point began) {
  constexpr unsigned looks = 16;  // between two at the clock
  const auto longest = std::min<PollTime::Duration>(patience.time(), std::chrono::seconds(1));
  do {
    for (unsigned times = 0; times < looks; ++times) {
      if (queue.has_completion()) return true;
      pause_polling();
    }
  } while (PollTime::Clock::now() - began < longest);
  return false;
}

/// Shows what was submitted, and waits for a completion. Whether it slept.
///
/// If it is to sleep, the interrupt is asked for before the device hears of the requests, so it
/// really is called; only when completions are there already there is no need. If it looks for them
/// first, none is asked for until that didn't pay.
template <class Ring, class Sleep>
bool publish_and_wait(DriverQueue& queue, PollTime& patience, const Ring& ring,
                      const Sleep& sleep) {
  const bool looks = patience.time() > PollTime::Duration::zero();
  bool sleeps = !looks && queue.may_sleep();
  if (queue.publish()) ring();
  const auto began = patience.now();
  if (looks) sleeps = !look(queue, patience, began) && queue.may_sleep();
  if (sleeps) {
    sleep();
    queue.awake();
  }
  if (queue.has_completion()) patience.work_came(patience.now() - began);
  return sleeps;
}

}  // namespace bellwire::ring
