// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/testing/running_device.hpp"

namespace bellwire::testing {

RunningDevice::RunningDevice(Device& device, Attachment attachment, Polling polling,
                             const std::optional<DropPlan>& drop)
    : dropping_(Dropping::start(context_, attachment, drop).value()),
      runner_(Runner::start(context_, device, std::move(attachment), polling).value()),
      thread_([this] { context_.run(); }) {}

RunningDevice::~RunningDevice() {
  context_.stop();
  thread_.join();
  runner_.reset();
}

}  // namespace bellwire::testing
