// SPDX-License-Identifier: BSD-3-Clause
//
// The device lab6: reverses, adds, and completes later.
#include "lab_device.h"

#include "host/device/device_main.hpp"
#include "vdev/devices/request_device.hpp"

using bellwire::ring::PendingRequest;
using bellwire::ring::Reply;
using bellwire::ring::Request;

namespace {

class LabDevice final : public bellwire::AsyncRequestDevice {
 public:
  [[nodiscard]] bellwire::DeviceTraits traits() const noexcept override {
    return {
        .kind = LAB_DEVICE, .doorbells = BELLWIRE_MAX_QUEUES, .interrupts = BELLWIRE_MAX_QUEUES};
  }

 private:
  // Takes a request, and completes it now or later: yours. May not block.
  void handle(PendingRequest request) noexcept override {
    std::move(request).complete({.status = BELLWIRE_BAD_OPERATION});
  }

  // Those of that queue that are still to come are to be dropped: yours.
  void cancel(unsigned queue) noexcept override { static_cast<void>(queue); }
};

}  // namespace

int main(int argc, char** argv) {
  return bellwire::device_main(
      argc, argv, {bellwire::ring_device<LabDevice>(LAB_DEVICE, "reverses, adds, and waits")});
}
