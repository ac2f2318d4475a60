// SPDX-License-Identifier: BSD-3-Clause
//
// DoorbellPage: doorbells without messages. The guest maps the page and increments a word per
// doorbell; we poll the words as long as that pays off (poll_time.hpp), and ring the doorbells'
// eventfds. When nothing has arrived for a while, we write to the page that we sleep; the guest
// then wakes us by a message. Layout and protocol: guest-kmod/uapi/bellwire.h, part 3. On the
// thread that runs the context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <vector>

#include "vdev/core/attachment.hpp"
#include "vdev/core/poll_time.hpp"
#include "vdev/os/event_fd.hpp"

namespace bellwire::card {

class DoorbellPage {
 public:
  /// `page` is one page, which only the guest writes besides us.
  DoorbellPage(boost::asio::io_context& context, MemoryView page,
               std::vector<os::EventFd> doorbells, Polling polling);
  DoorbellPage(DoorbellPage&&) noexcept;
  ~DoorbellPage();

  /// Polls from now on; earlier rings belonged to another driver.
  void start();
  /// Stops polling; the page says that we sleep. Idempotent.
  void stop() noexcept;
  /// A message arrived: passes on what was rung, and polls for a while.
  void wake();

 private:
  struct Impl;
  std::shared_ptr<Impl> state_;
};

}  // namespace bellwire::card
