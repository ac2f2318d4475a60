// SPDX-License-Identifier: BSD-3-Clause
//
// Observation: while it exists, Observers get each access to a function's registers and config
// space, its DMA, its interrupts and its resets, and what its client does. It stands in front of
// the function's parts, and passes everything on to them; it costs nothing where there is none. A
// plan's faults can happen to the interrupts on their way, to show what the driver does then.
//
// What it can't see: memory of BARs that the guest has mapped, the guest's memory that the device
// uses by map() or bytes(), and doorbells that the guest's kernel takes.
//
// On the device's thread. Interrupts pass through an eventfd of the observation's own, which the
// loop forwards: they arrive a turn of the loop later, and those raised within one turn are one.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "vdev/faults/switch.hpp"
#include "vdev/pci/function.hpp"

namespace bellwire::pci {

enum class EventKind : std::uint8_t {
  read,          ///< of a BAR's register, by the guest
  write,         ///< likewise
  config_read,   ///< of the config space
  config_write,  ///< likewise
  dma_read,      ///< of the guest's memory, by the device
  dma_write,     ///< likewise
  interrupt,     ///< on its way to the guest
  reset,         ///< by the guest
};

constexpr unsigned event_kinds = 8;

struct Event {
  using Clock = std::chrono::steady_clock;

  EventKind kind = EventKind::reset;
  std::uint8_t bar = 0;        ///< of a register
  bool failed = false;         ///< a transfer that the guest's memory refused; a lost interrupt
  int error = 0;               ///< why a transfer was refused, as DmaDone has it
  std::uint32_t size = 0;      ///< bytes; interrupts: how many became this one
  std::uint64_t where = 0;     ///< an offset; the guest's address; the vector, INTx too is 0
  std::uint64_t value = 0;     ///< of an access of up to 8 bytes; otherwise 0
  std::uint32_t transfer = 0;  ///< its number, among all, from 1 on; 0: it is none
  Clock::time_point began{};   ///< when the device was asked, or asked
  Clock::duration took{0};     ///< until it had answered, or was answered; interrupts: 0
};

/// What a client does to an interrupt, by messages.
enum class WireAct : std::uint8_t { connect, disconnect, disconnect_all, mask, unmask, trigger };
constexpr unsigned wire_acts = 6;

/// Must not use the function.
class Observer {
 public:
  virtual ~Observer() = default;
  /// Something has ended, or has happened at once; `bytes`: what was read or written.
  virtual void saw(const Event& event, std::span<const std::byte> bytes) noexcept = 0;

  // For an observer that has to know what came of what.

  /// An access, a transfer or a reset begins, of which saw() follows. `bytes`: what is written.
  virtual void begins(const Event& event, std::span<const std::byte> bytes) noexcept {
    (void)event, (void)bytes;
  }
  /// The call of the device that began a transfer returns; the transfer may go on.
  virtual void transfer_returned() noexcept {}
  /// About to be done. A mask may be what a register's write does; disconnect_all has no index.
  virtual void wired(InterruptKind kind, unsigned index, WireAct act) noexcept {
    (void)kind, (void)index, (void)act;
  }
  /// A client arrives, or has gone.
  virtual void client(bool here) noexcept { (void)here; }
  /// A region of the guest's memory was added, or is about to go.
  virtual void region(bool here, const AddressRange& range) noexcept { (void)here, (void)range; }
  /// The device uses the guest's memory without a transfer; reported at least once.
  virtual void used_directly(std::uint64_t address) noexcept { (void)address; }
};

class Observation {
 public:
  /// Descriptors that it opens per interrupt.
  static constexpr unsigned descriptors_each = FaultSwitch::descriptors_each + 1;

  /// To be made before a transport serves the function, and dropped after it; all arguments must
  /// outlive it. An interrupt for which there is no descriptor is passed on unseen; the log says
  /// so. `faults` happen to the interrupts; null: none do.
  Observation(boost::asio::io_context& context, Function& function,
              std::vector<Observer*> observers, std::shared_ptr<FaultTally> faults = nullptr);
  Observation(const Observation&) = delete;
  Observation& operator=(const Observation&) = delete;
  ~Observation();

 private:
  struct Taps;
  Function& function_;
  std::unique_ptr<Taps> taps_;
};

}  // namespace bellwire::pci
