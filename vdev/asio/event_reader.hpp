// SPDX-License-Identifier: BSD-3-Clause
//
// EventReader: waits on Asio's loop for the count of one eventfd, with no system call but the read
// that takes it. Asio's own async_read_some() tries to read before it waits, which is in vain after
// each count, and costs 5 % of a round trip. Asio spares that only who says that a read took all
// there was, as its sockets do; an eventfd's read always does. Only Asio's inner parts can say it,
// and they are kept to event_reader.cpp.
//
// On the thread that runs the context, which must be one only. The eventfd may be no semaphore.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>

#include "vdev/os/result.hpp"

namespace bellwire {

/// Who waits. Kept alive while it does.
class EventOwner {
 public:
  virtual void on_event(unsigned index, std::uint64_t count) = 0;

 protected:
  ~EventOwner() = default;
};

class EventReader {
 public:
  /// Waits on a duplicate of `fd`. EMFILE; ENOSPC, ENOMEM: the kernel watches no more descriptors
  /// for this user.
  [[nodiscard]] static Result<EventReader> create(boost::asio::io_context& context, int fd,
                                                  unsigned index);
  EventReader(EventReader&&) noexcept;
  ~EventReader();

  /// Calls the owner once, from the loop, when there is a count, and with it. One at a time.
  void wait(std::shared_ptr<EventOwner> owner);
  /// Nobody is called any more. Idempotent.
  void stop() noexcept;

 private:
  struct Watch;
  explicit EventReader(std::shared_ptr<Watch> watch) noexcept;
  std::shared_ptr<Watch> watch_;
};

}  // namespace bellwire
