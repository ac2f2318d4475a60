// SPDX-License-Identifier: BSD-3-Clause
//
// Runner: runs a device on an Asio context, with one loop per doorbell: wait until it is readable,
// drain the count, call the device; and one more for what the device itself announces
// (Device::ready()). The runner waits on duplicates of its own; the attachment is
// the device's.
//
// With polling, the loop keeps looking for a while when no work is left, before it waits again
// (poll_time.hpp); meanwhile it asks for no doorbell. Other handlers on the context get their turn
// at least every few microseconds.
//
// An idle device costs nothing: without a ring nothing here wakes up.
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
  struct Impl;
  explicit Runner(std::shared_ptr<Impl> state) noexcept;
  std::shared_ptr<Impl> state_;
};

}  // namespace bellwire
