// SPDX-License-Identifier: BSD-3-Clause
//
// EventWatch: calls back when somebody rings an eventfd, until it is dropped: once for each time
// that the kernel reports a ring, whatever is left in the eventfd. On the context's thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "vdev/os/event_fd.hpp"

namespace bellwire::vfio_user {

class EventWatch {
 public:
  /// EMFILE, ENOSPC, ENOMEM.
  [[nodiscard]] static Result<EventWatch> create(boost::asio::io_context& context,
                                                 const os::EventFd& event,
                                                 std::function<void()> on_ring);
  EventWatch(EventWatch&&) noexcept;
  EventWatch& operator=(EventWatch&&) = delete;
  ~EventWatch();

 private:
  struct State;
  explicit EventWatch(std::shared_ptr<State> state) noexcept;
  std::shared_ptr<State> state_;
};

}  // namespace bellwire::vfio_user
