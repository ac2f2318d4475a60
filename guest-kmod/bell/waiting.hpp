// SPDX-License-Identifier: BSD-3-Clause
//
// Waiting for the call eventfd, in the three ways that a process has. All of them leave the count
// at zero, as the note learned that one must: poll alone would return at once the next time.
#pragma once

#include <chrono>

#include "guest-kmod/bell/choices.hpp"
#include "vdev/os/result.hpp"
#include "vdev/os/unique_fd.hpp"

namespace bell {

class CallEvent {
 public:
  [[nodiscard]] static bellwire::Result<CallEvent> create(Wait how);

  /// Sleeps until the eventfd was signalled; wakes without that once a second at the latest, so
  /// that the caller can look at its deadline, and returns false.
  bool wait() noexcept;

  /// The same for a given time, whatever the way to wait is.
  bool wait(std::chrono::milliseconds time) noexcept;

  [[nodiscard]] int fd() const noexcept { return event_.get(); }

 private:
  CallEvent(Wait how, bellwire::os::UniqueFd event, bellwire::os::UniqueFd epoll) noexcept
      : how_(how), event_(std::move(event)), epoll_(std::move(epoll)) {}
  bool drain() noexcept;

  Wait how_;
  bellwire::os::UniqueFd event_;
  bellwire::os::UniqueFd epoll_;
};

}  // namespace bell
