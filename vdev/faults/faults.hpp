// SPDX-License-Identifier: BSD-3-Clause
//
// Faults: what a FaultPlan lets go wrong between a device and its attachment, whatever the
// transport. It puts eventfds of its own in the attachment's place, and a FaultSwitch between the
// two. Dropping the object ends it, and passes on what it still holds.
//
// Everything happens on the thread that runs the context; the device may raise its interrupts from
// any thread.
#pragma once

#include <memory>
#include <vector>

#include "vdev/core/attachment.hpp"
#include "vdev/faults/switch.hpp"

namespace bellwire {

class Faults {
 public:
  /// Interposes on the wires of the kinds that the tally touches; on none if `between` is null or
  /// has no tally. The attachment's wires are counted from `first` on. EMFILE, ENFILE; ENOSPC,
  /// ENOMEM: the kernel watches no more descriptors for this user.
  [[nodiscard]] static Result<Faults> start(std::shared_ptr<FaultSwitch> between,
                                            Attachment& attachment, unsigned first = 0);
  /// The same with a switch of its own.
  [[nodiscard]] static Result<Faults> start(boost::asio::io_context& context,
                                            Attachment& attachment,
                                            std::shared_ptr<FaultTally> tally,
                                            std::shared_ptr<FaultWitness> witness = nullptr);
  Faults(Faults&& other) noexcept = default;
  ~Faults();

 private:
  explicit Faults(std::shared_ptr<FaultSwitch> between) : switch_(std::move(between)) {}
  [[nodiscard]] Result<void> add(FaultSwitch::Wire wire);
  [[nodiscard]] Result<void> add_doorbell(os::EventFd& doorbell, unsigned index);
  [[nodiscard]] Result<void> add_interrupt(Interrupt& interrupt, unsigned index);

  std::shared_ptr<FaultSwitch> switch_;
  std::vector<unsigned> places_;  // of it; moved from: none
};

/// What it opens for a wire of each kind: a doorbell with its interrupt. `tally` may be null.
[[nodiscard]] unsigned fault_descriptors(const FaultTally* tally) noexcept;

}  // namespace bellwire
