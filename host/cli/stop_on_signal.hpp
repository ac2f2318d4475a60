// SPDX-License-Identifier: BSD-3-Clause
//
// StopOnSignal: while it lives, SIGINT, SIGTERM and SIGHUP stop an Asio context instead of killing
// the process, so that every destructor runs. Create it first: a signal that comes before the
// context runs stops it as soon as it does. What waits without the context, waits for fd() as well.
// One at a time.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <csignal>

#include "vdev/os/event_fd.hpp"

namespace bellwire::host {

class StopOnSignal {
 public:
  explicit StopOnSignal(boost::asio::io_context& context);
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;
  ~StopOnSignal();

  /// Readable once a signal has come, and from then on.
  [[nodiscard]] int fd() const noexcept { return came_.fd(); }

 private:
  static constexpr std::array numbers{SIGINT, SIGTERM, SIGHUP};

  os::EventFd came_;
  boost::asio::posix::stream_descriptor readable_;  // a duplicate, for waiting only
  std::array<struct sigaction, numbers.size()> before_{};
};

}  // namespace bellwire::host
