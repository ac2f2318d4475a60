// SPDX-License-Identifier: BSD-3-Clause
//
// Wires: memory and eventfds between a device and a driver, both in this process, without any
// transport. The base of a device's test:
//
//     auto wires = Wires::create(1);
//     Echo echo;
//     RunningDevice running(echo, wires.device_end());
//     Driver driver(wires.guest_end(), 0);
//     CHECK(driver.call(bytes).output == bytes);
#pragma once

#include <vector>

#include "vdev/core/attachment.hpp"

namespace bellwire::testing {

/// What a guest holds: the mirror of an Attachment.
struct GuestEnd {
  std::vector<Interrupt> doorbells;     ///< it raises these to ring
  std::vector<os::EventFd> interrupts;  ///< and waits for these
  MemoryView memory;
};

/// The attachment of a peer that joined as a guest, seen as one.
[[nodiscard]] GuestEnd guest_end(Attachment attachment);

class Wires {
 public:
  /// Throws if the system has none left: in a test there is nothing else to do.
  [[nodiscard]] static Wires create(unsigned queues, std::uint64_t memory = 1 << 20);

  /// Ends may be taken again, as a restarted device does.
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

}  // namespace bellwire::testing
