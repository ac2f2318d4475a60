// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/testing/running_device.hpp"

namespace bellwire::testing {

RunningDevice::RunningDevice(Device& device, Attachment attachment, Polling polling)
    : runner_(Runner::start(context_, device, std::move(attachment), polling).value()),
      thread_([this] { context_.run(); }) {}

RunningDevice::~RunningDevice() {
  context_.stop();
  thread_.join();
  runner_.reset();
}

}  // namespace bellwire::testing
