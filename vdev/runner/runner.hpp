// SPDX-License-Identifier: BSD-3-Clause
//
// Runner: runs a device on an Asio context. One loop per doorbell: wait until it is readable,
// drain the count, tell the device. The runner waits on duplicates of its own; the
// attachment is the device's.
//
// Everything happens on the thread that runs the context, which must be one only. The device must
// outlive the runner; dropping the runner stops it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "vdev/core/device.hpp"

namespace bellwire {

class Runner {
 public:
  [[nodiscard]] static Result<Runner> start(boost::asio::io_context& context, Device& device,
                                            Attachment attachment);
  Runner(Runner&&) noexcept;
  ~Runner();

 private:
  struct State;
  explicit Runner(std::shared_ptr<State> state) noexcept;
  std::shared_ptr<State> state_;
};

}  // namespace bellwire
