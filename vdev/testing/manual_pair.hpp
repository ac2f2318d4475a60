// SPDX-License-Identifier: BSD-3-Clause
//
// ManualPair: a device and its driver without threads and without a clock. Nothing happens by
// itself: the test decides when the device sees a doorbell, when the guest takes an interrupt, and
// when time passes. So a test can try any order of events, and the same order gives the same
// result.
//
//     Echo echo;
//     ManualPair pair(echo);
//     pair.queue().submit(request);
//     pair.ring_if_wanted();
//     CHECK(pair.device_sees_doorbell());
//     CHECK(pair.guest_sees_interrupt());
//     CHECK(pair.queue().take());
#pragma once

#include <boost/asio/io_context.hpp>

#include "vdev/core/device.hpp"
#include "vdev/ring/driver_queue.hpp"
#include "vdev/transport/in_process/in_process.hpp"

namespace bellwire::testing {

class ManualPair {
 public:
  /// Starts the device and makes each queue ready for requests. Throws if the device does not
  /// start.
  explicit ManualPair(Device& device, unsigned queues = 1);
  ~ManualPair();
  ManualPair(const ManualPair&) = delete;
  ManualPair& operator=(const ManualPair&) = delete;

  // The driver.
  [[nodiscard]] ring::DriverQueue& queue(unsigned index = 0) { return queues_.at(index); }
  void ring(unsigned index = 0) { transport_->endpoint().ring(index); }
  /// Publishes what was submitted, and rings if the device wants it. Returns whether it rang.
  bool ring_if_wanted(unsigned index = 0);
  /// The guest takes an interrupt of that vector. False: there is none.
  bool guest_sees_interrupt(unsigned index = 0);
  [[nodiscard]] machine::MsixTable& msix() { return transport_->endpoint().msix(); }

  // The device.
  /// Lets the device see the doorbell and work until it has no more to do. False: it was not rung.
  bool device_sees_doorbell(unsigned index = 0);
  /// Calls the device for a doorbell that was not rung, as after a start.
  void device_looks(unsigned index = 0);
  /// Stops the device, and starts its next incarnation on the same wires.
  void restart_device();

  /// What the device has written about itself.
  [[nodiscard]] const bellwire_device_line& device_line() const;

  /// Lets virtual time pass: the device ticks ten times per second of it.
  void pass(std::chrono::milliseconds time);
  [[nodiscard]] std::chrono::milliseconds now() const noexcept { return now_; }

 private:
  void start_device();
  void turn(unsigned index, std::uint64_t rings);

  Device& device_;
  boost::asio::io_context context_;  // never runs
  std::unique_ptr<in_process::InProcess> transport_;
  std::vector<os::EventFd> doorbells_;
  std::vector<ring::DriverQueue> queues_;
  std::chrono::milliseconds now_{0};
};

}  // namespace bellwire::testing
