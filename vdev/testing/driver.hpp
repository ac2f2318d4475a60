// SPDX-License-Identifier: BSD-3-Clause
//
// The base of a device's test: Wires join a device and a driver without any transport,
// RunningDevice runs the device on a thread of its own, Driver plays the guest.
//
//     auto wires = Wires::create(1);
//     Echo echo;
//     RunningDevice running(echo, wires.device_end());
//     Driver driver(wires.guest_end(), 0);
//     CHECK(driver.call(bytes).output == bytes);
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

#include "vdev/core/attachment.hpp"
#include "vdev/faults/faults.hpp"
#include "vdev/ring/driver_look.hpp"
#include "vdev/ring/driver_queue.hpp"
#include "vdev/runner/runner.hpp"
#include "vdev/testing/process.hpp"
#include "vdev/transport/in_process/in_process.hpp"

namespace bellwire::testing {

/// What a guest holds: the mirror of an Attachment.
struct GuestEnd {
  std::vector<Interrupt> doorbells;     ///< the guest raises these to ring
  std::vector<os::EventFd> interrupts;  ///< the guest waits for these
  MemoryView memory;
};

/// The guest's end that an ivshmem peer has if it joined as a guest.
[[nodiscard]] GuestEnd guest_end(Attachment attachment);

/// Memory and eventfds between a device and a driver in this process.
class Wires {
 public:
  /// Throws if the system refuses.
  [[nodiscard]] static Wires create(unsigned queues, std::uint64_t memory = 1 << 20);

  /// May be called again, for a restarted device.
  [[nodiscard]] Attachment device_end() const;
  [[nodiscard]] GuestEnd guest_end() const;

 private:
  Wires(MemoryView memory, std::vector<os::EventFd> doorbells, std::vector<os::EventFd> interrupts)
      : memory_(std::move(memory)),
        doorbells_(std::move(doorbells)),
        interrupts_(std::move(interrupts)) {}
  MemoryView memory_;
  std::vector<os::EventFd> doorbells_;
  std::vector<os::EventFd> interrupts_;
};

/// Runs a device on a thread of its own while it lives.
class RunningDevice {
 public:
  /// Throws if the device does not start.
  RunningDevice(Device& device, Attachment attachment, Polling polling = Polling::off,
                std::shared_ptr<FaultTally> faults = nullptr);
  ~RunningDevice();

 private:
  boost::asio::io_context context_{1};
  std::optional<Faults> faults_;
  std::optional<Runner> runner_;
  std::thread thread_;
};

/// How a driver uses its wires, whatever they are.
struct DriverEnd {
  std::function<void(unsigned index)> ring;
  /// Takes an interrupt, waiting for it up to that long.
  std::function<bool(unsigned index, std::chrono::milliseconds)> take;
  MemoryView memory;
};

[[nodiscard]] DriverEnd driver_end(GuestEnd end);
/// The endpoint must outlive it.
[[nodiscard]] DriverEnd driver_end(machine::Endpoint& card, MemoryView memory);
[[nodiscard]] DriverEnd driver_end(in_process::InProcess& transport);

/// Plays the guest on one queue: module and process in one; records the steps of both. Waits are
/// bounded; what does not arrive in time is an exception, which fails the test.
class Driver {
 public:
  /// Whether it looks for what did not come, and goes on without.
  enum class Looks : std::uint8_t { yes, never };

  /// Claims the queue: begins a generation and rings. The memory must be formatted.
  Driver(DriverEnd end, unsigned queue, Looks looks = Looks::yes);
  Driver(GuestEnd end, unsigned queue, Looks looks = Looks::yes)
      : Driver(driver_end(std::move(end)), queue, looks) {}

  /// Waits until the device serves our generation.
  void wait_until_served();

  struct Answer {
    bellwire_completion completion;
    std::vector<std::byte> output;
  };
  /// Sends one request with `input` and as much room for output; returns its answer.
  Answer call(std::span<const std::byte> input, std::uint32_t operation = 0);

  /// Sends a request that the test made itself.
  bellwire_completion call(const bellwire_request& request);

  /// Publishes what was submitted, and rings if the device wants it.
  void publish();

  /// Sleeps until there is a completion, and returns it.
  bellwire_completion wait_for_completion();

  void ring();
  [[nodiscard]] bool wait_for_interrupt();

  /// What was lost, or so late that it was replaced.
  [[nodiscard]] ring::DriverLook& look() noexcept { return look_; }

  [[nodiscard]] ring::DriverQueue& queue() noexcept { return queue_; }
  /// For tests that play the module themselves, record, or break rules.
  [[nodiscard]] ring::ModuleQueue& module_queue() noexcept { return module_; }
  [[nodiscard]] const ring::Queue& raw_queue() const noexcept { return raw_; }
  [[nodiscard]] bellwire_queue_control& control() noexcept { return *raw_.control; }

 private:
  [[nodiscard]] bool sleep();

  DriverEnd end_;
  unsigned index_;
  ring::Queue raw_;
  ring::ModuleQueue module_;
  ring::DriverQueue queue_;
  ring::DriverLook look_;
  Looks looks_;
};

/// Text as bytes.
std::vector<std::byte> bytes(std::string_view text);

}  // namespace bellwire::testing
