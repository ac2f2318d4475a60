// SPDX-License-Identifier: BSD-3-Clause
//
// What a rule is tried on, and its outcome: a MachineFixture is a machine with eventfds that can be
// closed while in use, an Observation is what happened, as text. One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vdev/machine/rules/rule.hpp"
#include "vdev/os/fd.hpp"

namespace bellwire::rules {

/// What was observed, as text: "write: 0, read: EAGAIN".
class Observation {
 public:
  Observation& note(std::string_view what, std::string_view answer);
  /// 0 is "ok", others are the error's name.
  Observation& error(std::string_view what, int error);
  Observation& number(std::string_view what, std::uint64_t value);
  Observation& yes(std::string_view what, bool value) { return note(what, value ? "yes" : "no"); }
  /// As "0x41 0x42", or "none".
  Observation& vectors(std::string_view what, const std::vector<std::uint8_t>& vectors);
  [[nodiscard]] std::string text() && { return std::move(text_); }

 private:
  std::string text_;
};

/// "EINVAL"; "ok" for 0.
[[nodiscard]] std::string error_name(int error);

/// The address of an ioeventfd, and the write that it matches.
struct Spot {
  machine::Space space = machine::Space::mmio;
  std::uint64_t address = 0xd000'0000;
  std::uint32_t length = 4;
  std::optional<std::uint64_t> match = std::nullopt;
};

/// The interrupts that a machine's guest takes, sorted by vector: those pending, and then, for some
/// seconds, those that arrive until there are `expected`.
[[nodiscard]] std::vector<std::uint8_t> take(machine::Machine& machine, std::size_t expected);

/// A machine to try a rule on, with its eventfds. Throws if it can't be created.
class MachineFixture {
 public:
  explicit MachineFixture(const World& world, const machine::MachineOptions& options = {});

  /// Creates an eventfd, and returns its index.
  unsigned wire(bool semaphore = false);
  void close(unsigned wire);
  void signal(unsigned wire, std::uint64_t count = 1);
  /// Takes its count; 0 if it is zero.
  std::uint64_t count(unsigned wire);
  [[nodiscard]] int fd(unsigned wire) const { return wires_.at(wire).get(); }

  int doorbell(unsigned wire, const Spot& spot, std::uint32_t flags = 0);
  int remove_doorbell(unsigned wire, const Spot& spot);
  /// Who received the guest's write: "doorbell", or "user space, 0x2a".
  std::string write(const Spot& spot, std::uint64_t value);
  std::string read(const Spot& spot);

  int irqfd(unsigned wire, std::uint32_t gsi, std::uint32_t flags = 0, unsigned resample = 0);
  int remove_irqfd(unsigned wire, std::uint32_t gsi);
  void route(std::initializer_list<kvm_irq_routing_entry> routes);
  std::vector<std::uint8_t> take(std::size_t expected = 0) {
    return rules::take(*machine_, expected);
  }

  [[nodiscard]] machine::Machine& machine() noexcept { return *machine_; }

 private:
  std::vector<os::UniqueFd> wires_;
  std::unique_ptr<machine::Machine> machine_;
};

}  // namespace bellwire::rules
