// SPDX-License-Identifier: BSD-3-Clause
//
// Rehearsal: a device and its driver without threads and without a clock. Nothing happens by
// itself: what the driver rings, the device sees when the test says so; what the device raises,
// the guest takes when the test says so; and time passes when the test lets it. So a test can try
// any order of events, and the same order gives the same outcome.
//
//     Echo echo;
//     Rehearsal play(echo);
//     play.queue().submit(request);
//     play.ring_if_wanted();
//     CHECK(play.device_sees_doorbell());
//     CHECK(play.guest_sees_interrupt());
//     CHECK(play.queue().take());
#pragma once

#include <boost/asio/io_context.hpp>

#include "vdev/core/device.hpp"
#include "vdev/ring/driver_queue.hpp"
#include "vdev/transport/in_process/in_process.hpp"

namespace bellwire::testing {

class Rehearsal {
 public:
  /// Starts the device and brings each queue to where requests can be submitted. Throws if it
  /// doesn't start.
  explicit Rehearsal(Device& device, unsigned queues = 1);
  ~Rehearsal();
  Rehearsal(const Rehearsal&) = delete;
  Rehearsal& operator=(const Rehearsal&) = delete;

  // The driver.
  [[nodiscard]] ring::DriverQueue& queue(unsigned index = 0) { return queues_.at(index); }
  void ring(unsigned index = 0) { transport_->card().ring(index); }
  /// Publishes what was submitted. Whether it rang, since the device wanted it.
  bool ring_if_wanted(unsigned index = 0);
  /// The guest takes an interrupt of that vector, if one has come.
  bool guest_sees_interrupt(unsigned index = 0);
  [[nodiscard]] machine::MsixTable& msix() { return transport_->card().msix(); }

  // The device.
  /// Lets it see the doorbell, if it was rung, and work until it has no more to do.
  bool device_sees_doorbell(unsigned index = 0);
  /// A look at a doorbell that was not rung, as after a start.
  void device_looks(unsigned index = 0);
  /// It ends, and another life of it begins on the same wires.
  void restart_device();

  /// What it tells about itself.
  [[nodiscard]] const bellwire_device_line& device_line() const;

  /// Virtual time: the device ticks ten times a second of it.
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
