// SPDX-License-Identifier: BSD-3-Clause
//
// EventReader: waits on Asio's loop for the count of one eventfd, with no system call except the
// read that takes it. Asio's own async_read_some() first tries to read and only then waits; after
// each count that read is in vain, and costs 5 % of a round trip. Asio skips it only after a read
// that is known to have taken everything, as its sockets' reads are. Only Asio's inner parts can
// express that; they are used in event_reader.cpp alone, which checks the version of Boost. With
// other versions event_reader_plain.cpp is built, which does the same by Asio's public interface,
// at some cost.
//
// After a first look there is one read for each time that the kernel reports a ring, never more: so
// a peer can't keep the loop busy with a count that is left over, as that of a semaphore is.
//
// On the thread that runs the context, which must be one only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>

#include "vdev/os/event_fd.hpp"

namespace bellwire {

/// Is called with the count. Kept alive while it waits.
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

  /// Calls the owner once, from the loop, as soon as there is a count. One wait at a time.
  void wait(std::shared_ptr<EventOwner> owner);
  /// Ends waiting: the owner is not called any more. Returns the count that was taken but not
  /// reported to it; what was not taken stays in the eventfd. Idempotent.
  std::uint64_t stop() noexcept;

 private:
  struct Watch;
  explicit EventReader(std::shared_ptr<Watch> watch) noexcept;
  std::shared_ptr<Watch> watch_;
};

}  // namespace bellwire
