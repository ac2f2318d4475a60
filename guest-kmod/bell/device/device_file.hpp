// SPDX-License-Identifier: BSD-3-Clause
//
// What the module gives a process: DeviceFile is /dev/bellwireN, as part 2 of the uapi header
// describes it; CallEventFd is the eventfd that the module signals, with the three ways to wait for
// it. For one thread.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "guest-kmod/bell/device/parameters.hpp"
#include "guest-kmod/uapi/bellwire.h"
#include "vdev/os/fd.hpp"
#include "vdev/os/memory.hpp"
#include "vdev/os/result.hpp"

namespace bell {

using bellwire::Error;
using bellwire::Result;

class DeviceFile {
 public:
  [[nodiscard]] static Result<DeviceFile> open(const std::string& path);

  [[nodiscard]] Result<bellwire_info> info() const;
  [[nodiscard]] Result<bellwire_claim> claim(std::uint32_t queue, std::uint32_t flags = 0) const;
  [[nodiscard]] Result<bellwire_claim> reset() const;
  [[nodiscard]] Result<void> set_call(int eventfd) const;
  [[nodiscard]] Result<void> set_kick(int eventfd, bellwire_worker worker) const;
  [[nodiscard]] Result<bellwire::os::Mapping> map(const bellwire_claim& claim) const;

  /// Slow motion. What was held before the action.
  [[nodiscard]] Result<bellwire_step> step(bellwire_step_action action) const;
  /// Reports POLLPRI while a hop is held.
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

  /// Whether the device has died, was unplugged, or lost its driver.
  [[nodiscard]] bool gone() const noexcept;
  /// ENODEV, with the text to report then.
  [[nodiscard]] Error gone_fault() const;

  /// On the hot path. False: the kernel refused; errno says why.
  bool kick() const noexcept;
  bool ring() const noexcept;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  DeviceFile(std::string path, bellwire::os::UniqueFd fd)
      : path_(std::move(path)), fd_(std::move(fd)) {}
  std::string path_;
  bellwire::os::UniqueFd fd_;
};

/// The paths of this guest's device files, in order.
[[nodiscard]] std::vector<std::string> device_files();

/// The name that the device gave itself; empty: it never started.
[[nodiscard]] std::string kind_of(const bellwire_info& info);

/// The first device file whose device is of that kind. Waits for it for some seconds, since host
/// and guest start in any order. ENODEV: there is none.
[[nodiscard]] Result<DeviceFile> find_device(const std::string& kind);

/// All three ways to wait leave the count at zero. poll and epoll alone would not: without a read
/// they return at once the next time.
class CallEventFd {
 public:
  [[nodiscard]] static bellwire::Result<CallEventFd> create(Wait how);

  /// Sleeps until the eventfd is signalled. False: it wasn't within about a second; the caller can
  /// check its deadline.
  bool wait() noexcept;

  /// The same with a given limit, always by poll.
  bool wait(std::chrono::milliseconds time) noexcept;

  /// For a wait whose time was over before it began: the process polled meanwhile, or was stopped.
  /// Takes a call that is there. True if there was one, and a completion is there: it was for that;
  /// otherwise it is an old one.
  bool take(bool completion) noexcept;

  [[nodiscard]] int fd() const noexcept { return event_.get(); }

 private:
  CallEventFd(Wait how, bellwire::os::UniqueFd event, bellwire::os::UniqueFd epoll) noexcept
      : how_(how), event_(std::move(event)), epoll_(std::move(epoll)) {}
  bool drain() noexcept;

  Wait how_;
  bellwire::os::UniqueFd event_;
  bellwire::os::UniqueFd epoll_;
};

}  // namespace bell
