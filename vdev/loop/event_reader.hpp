// SPDX-License-Identifier: BSD-3-Clause
//
// EventReader: waits on Asio's loop for the count of one eventfd, with no system call but the read
// that takes it. Asio's own async_read_some() tries to read before it waits, which is in vain after
// each count, and costs 5 % of a round trip. Asio spares that only a read that is known to have
// taken all there was, as its sockets' reads are. Only Asio's inner parts can say it, and they are
// kept to event_reader.cpp.
//
// So after a first look there is one read for each time that the kernel reports a ring, never more:
// a peer can't keep the loop busy with a count that is left over, as that of a semaphore is.
//
// On the thread that runs the context, which must be one only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>

#include "vdev/os/event_fd.hpp"

namespace bellwire {

/// Whoever waits. Kept alive while it does.
class EventOwner {
 public:
  virtual void on_event(unsigned index, std::uint64_t count) = 0;

 protected:
  ~EventOwner() = default;
};

class EventReader {
 public:
  /// Waits on a duplicate of `event`. EMFILE; ENOSPC, ENOMEM: the kernel watches no more
  /// descriptors for this user.
  [[nodiscard]] static Result<EventReader> create(boost::asio::io_context& context,
                                                  const os::EventFd& event, unsigned index);
  EventReader(EventReader&&) noexcept;
  ~EventReader();

  /// Calls the owner once, from the loop, when there is a count, and with it. One at a time.
  void wait(std::shared_ptr<EventOwner> owner);
  /// The owner is not called any more. Returns the count that was taken and not reported to it;
  /// what nobody has taken stays in the eventfd. Idempotent.
  std::uint64_t stop() noexcept;

 private:
  struct Watch;
  explicit EventReader(std::shared_ptr<Watch> watch) noexcept;
  std::shared_ptr<Watch> watch_;
};

}  // namespace bellwire
