// SPDX-License-Identifier: BSD-3-Clause
//
// What a rule is tried on: a machine with eventfds that can be closed while in use. One thread at a
// time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vdev/machine/rules/rule.hpp"
#include "vdev/os/fd.hpp"

namespace bellwire::rules {

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
