// SPDX-License-Identifier: BSD-3-Clause
//
// Stage: a machine to try a rule on, with eventfds that can be closed under it. What goes wrong in
// its making is an exception. One thread at a time.
#pragma once

#include <string>
#include <vector>

#include "vdev/machine/rules/rule.hpp"
#include "vdev/os/unique_fd.hpp"

namespace bellwire::rules {

/// Where an ioeventfd stands, and what it waits for.
struct Spot {
  machine::Space space = machine::Space::mmio;
  std::uint64_t address = 0xd000'0000;
  std::uint32_t length = 4;
  std::optional<std::uint64_t> match = std::nullopt;
};

/// What a machine's guest takes, in the order of the vectors: what has come, and what comes until
/// there are `expected`, for some seconds.
[[nodiscard]] std::vector<std::uint8_t> take(machine::Machine& machine, std::size_t expected);

class Stage {
 public:
  explicit Stage(const World& world, const machine::MachineOptions& options = {});

  /// A new eventfd, named by its place among the stage's.
  unsigned wire(bool semaphore = false);
  void close(unsigned wire);
  void signal(unsigned wire, std::uint64_t count = 1);
  /// Its count, taken; 0 if it has none.
  std::uint64_t count(unsigned wire);
  [[nodiscard]] int fd(unsigned wire) const { return wires_.at(wire).get(); }

  int doorbell(unsigned wire, const Spot& spot, std::uint32_t flags = 0);
  int remove_doorbell(unsigned wire, const Spot& spot);
  /// "doorbell", or "user space, 0x2a": who saw the guest's write.
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
