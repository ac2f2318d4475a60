// SPDX-License-Identifier: BSD-3-Clause
//
// DeviceHost: devices on a thread of their own, as a program would run them; and plain wires to
// one, where there is no transport.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <thread>
#include <vector>

#include "host/bench/wire_driver.hpp"
#include "vdev/loop/one_thread.hpp"
#include "vdev/runner/moderation.hpp"
#include "vdev/runner/runner.hpp"

namespace bellwire::bench {

/// Memory and an eventfd each way, and both ends of them.
struct Plugs {
  Attachment device;
  WireEnd driver;
};

[[nodiscard]] Result<Plugs> create_plugs();

class DeviceHost {
 public:
  DeviceHost() = default;
  ~DeviceHost() { stop(); }
  DeviceHost(const DeviceHost&) = delete;
  DeviceHost& operator=(const DeviceHost&) = delete;

  /// For what its devices are attached to. Until start() only.
  [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }
  /// One more. Until start() only.
  [[nodiscard]] Result<void> add(std::unique_ptr<Device> device, Attachment attachment,
                                 Polling polling = Polling::off,
                                 std::chrono::microseconds moderate = {});
  /// They run on that CPU; anywhere if `cpu` is -1.
  void start(int cpu);
  /// Returns when the thread has ended. Idempotent.
  void stop();

 private:
  boost::asio::io_context context_{one_thread};
  std::vector<std::unique_ptr<Device>> devices_;
  std::vector<Moderation> moderations_;
  std::vector<Runner> runners_;
  std::thread thread_;
};

}  // namespace bellwire::bench
