// SPDX-License-Identifier: BSD-3-Clause
//
// Duel: runs the same random operations on two machines, and compares the results. Each machine has
// eventfds of its own. The operations come from a seed, so a run can be repeated. One thread.
#pragma once

#include <array>
#include <optional>
#include <random>
#include <string>

#include "vdev/machine/model/endpoint.hpp"
#include "vdev/os/event_fd.hpp"

namespace bellwire::rules {

/// One machine of the two, with the eventfds that operations name by number.
class Duellist {
 public:
  static constexpr unsigned wires = 8;  ///< the last two are semaphores
  static constexpr unsigned resamples = 2;
  static constexpr unsigned vectors = 2;  ///< of an MSI-X table: GSI 0 and 1
  static constexpr unsigned gsis = 6;     ///< then a level input, an edge input, a message, nothing

  explicit Duellist(const machine::MachineFactory& factory);

  // Each returns a description of its result.
  std::string ioeventfd(unsigned wire, kvm_ioeventfd request);
  std::string irqfd(unsigned wire, unsigned resample, kvm_irqfd request);
  std::string write(machine::Space space, std::uint64_t address, unsigned size,
                    std::uint64_t value);
  std::string read(machine::Space space, std::uint64_t address, unsigned size);
  std::string signal(unsigned wire, std::uint64_t count);
  std::string count(unsigned wire);
  std::string renew(unsigned wire);  ///< closes it, and creates another
  std::string mask(unsigned vector);
  std::string unmask(unsigned vector);
  std::string aim(unsigned vector, std::uint8_t at);
  std::string raise(unsigned vector);
  std::string pending(unsigned vector);

  /// The interrupts that the guest takes now; waits if they are fewer than `expected`.
  std::vector<std::uint8_t> take(std::size_t expected);
  /// How often each resample eventfd was signalled since the last call.
  std::string resampled();

 private:
  std::unique_ptr<machine::Machine> machine_;
  std::array<os::UniqueFd, wires> wires_;
  std::vector<os::EventFd> resamples_;
  std::vector<os::EventFd> raises_;
  std::optional<machine::MsixTable> msix_;
};

class Duel {
 public:
  Duel(const machine::MachineFactory& model, const machine::MachineFactory& kernel,
       std::uint64_t seed)
      : random_(seed), model_(model), kernel_(kernel) {}

  /// Runs one operation on both. Returns a description of the difference, or an empty string.
  [[nodiscard]] std::string step();
  /// A description of the last operation and of its result on the model.
  [[nodiscard]] const std::string& last() const noexcept { return last_; }

 private:
  std::mt19937_64 random_;
  Duellist model_, kernel_;
  std::string last_;
};

}  // namespace bellwire::rules
