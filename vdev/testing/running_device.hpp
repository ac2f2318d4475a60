// SPDX-License-Identifier: BSD-3-Clause
//
// RunningDevice: a device on a thread of its own, started and stopped with the object.
#pragma once

#include <boost/asio/io_context.hpp>
#include <optional>
#include <thread>

#include "vdev/runner/dropping.hpp"
#include "vdev/runner/runner.hpp"

namespace bellwire::testing {

class RunningDevice {
 public:
  /// Throws when the device doesn't start.
  RunningDevice(Device& device, Attachment attachment, Polling polling = Polling::off,
                const std::optional<DropPlan>& drop = {});
  ~RunningDevice();

 private:
  boost::asio::io_context context_{1};
  Dropping dropping_;
  std::optional<Runner> runner_;
  std::thread thread_;
};

}  // namespace bellwire::testing
