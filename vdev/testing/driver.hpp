// SPDX-License-Identifier: BSD-3-Clause
//
// Driver: plays the guest on one queue: module and process in one, and says each one's steps. Waits
// are bounded; what does not come in time is an exception, which fails the test that asked for it.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "vdev/ring/driver_queue.hpp"
#include "vdev/ring/module_queue.hpp"
#include "vdev/testing/wires.hpp"
#include "vdev/transport/in_process/in_process.hpp"

namespace bellwire::testing {

constexpr std::chrono::seconds patience{20};

/// What a driver does with its wires, whatever they are.
struct DriverEnd {
  std::function<void(unsigned index)> ring;
  /// Takes an interrupt, or waits for it as long.
  std::function<bool(unsigned index, std::chrono::milliseconds)> take;
  MemoryView memory;
};

[[nodiscard]] DriverEnd driver_end(GuestEnd end);
/// The card must outlive it.
[[nodiscard]] DriverEnd driver_end(machine::Card& card, MemoryView memory);
[[nodiscard]] DriverEnd driver_end(in_process::InProcess& transport);

class Driver {
 public:
  /// Claims the queue: begins a generation and rings. The memory must have been formatted.
  Driver(DriverEnd end, unsigned queue);
  Driver(GuestEnd end, unsigned queue) : Driver(driver_end(std::move(end)), queue) {}

  /// Until the device serves our generation.
  void wait_until_served();

  struct Answer {
    bellwire_completion completion;
    std::vector<std::byte> output;
  };
  /// One request with `input`, as much room for output, and its completion.
  Answer call(std::span<const std::byte> input, std::uint32_t operation = 0);

  /// As call(), with a request that the test made itself.
  bellwire_completion call(const bellwire_request& request);

  /// Publishes what was submitted, and rings if the device wants it.
  void publish();

  /// The next completion; sleeps for it.
  bellwire_completion wait_for_completion();

  void ring();
  [[nodiscard]] bool wait_for_interrupt();

  [[nodiscard]] ring::DriverQueue& queue() noexcept { return queue_; }
  /// For tests that play the module themselves, that record, and that break rules.
  [[nodiscard]] ring::ModuleQueue& module_queue() noexcept { return module_; }
  [[nodiscard]] const ring::Queue& raw_queue() const noexcept { return raw_; }
  [[nodiscard]] bellwire_queue_control& control() noexcept { return *raw_.control; }

 private:
  DriverEnd end_;
  unsigned index_;
  ring::Queue raw_;
  ring::ModuleQueue module_;
  ring::DriverQueue queue_;
};

/// Text as bytes, and back.
std::vector<std::byte> bytes(std::string_view text);

}  // namespace bellwire::testing
