// SPDX-License-Identifier: BSD-3-Clause
//
// DoorbellPage: doorbells without messages. The guest has the page mapped and counts up a word of
// it; we look at the words as long as it pays (poll_time.hpp), and pass what we see on to the
// doorbells' eventfds. When nothing came for a while we say on the page that we sleep, and are then
// woken by a message. Layout and protocol: guest-kmod/uapi/bellwire.h, part 3. On the thread that
// runs the context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <vector>

#include "vdev/core/memory_view.hpp"
#include "vdev/core/poll_time.hpp"
#include "vdev/os/event_fd.hpp"

namespace bellwire::card {

class DoorbellPage {
 public:
  /// `page` is one page, which nobody else but the guest writes.
  DoorbellPage(boost::asio::io_context& context, MemoryView page,
               std::vector<os::EventFd> doorbells, Polling polling);
  DoorbellPage(DoorbellPage&&) noexcept;
  ~DoorbellPage();

  /// Looks from now on; what the guest rang before was another driver's.
  void start();
  /// Idempotent. The guest finds us asleep.
  void stop() noexcept;
  /// A message came: passes on what was rung, and looks for a while.
  void wake();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace bellwire::card
