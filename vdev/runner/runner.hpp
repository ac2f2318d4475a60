// SPDX-License-Identifier: BSD-3-Clause
//
// Runner: runs a device on an Asio context. One loop per doorbell: wait until it is readable,
// drain the count, tell the device. The runner waits on duplicates of its own; the
// attachment is the device's.
//
// With polling, the loop looks on for a while when there is no work left, before it waits again
// (poll_time.hpp): meanwhile no doorbell is asked for. Others on the context get their turn at
// least every few microseconds.
//
// Who is idle is left alone: without a ring nothing here ever wakes up.
//
// Everything happens on the thread that runs the context, which must be one only. The device must
// outlive the runner; dropping the runner stops it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "vdev/core/device.hpp"
#include "vdev/core/poll_time.hpp"

namespace bellwire {

class Runner {
 public:
  static constexpr unsigned descriptors_each = 2;  ///< that it opens for a doorbell

  [[nodiscard]] static Result<Runner> start(boost::asio::io_context& context, Device& device,
                                            Attachment attachment, Polling polling = Polling::off);
  Runner(Runner&&) noexcept;
  ~Runner();

 private:
  struct State;
  explicit Runner(std::shared_ptr<State> state) noexcept;
  std::shared_ptr<State> state_;
};

}  // namespace bellwire
