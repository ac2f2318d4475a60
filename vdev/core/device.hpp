// SPDX-License-Identifier: BSD-3-Clause
//
// Device: what an author writes. It knows doorbells, interrupts and memory; it never knows which
// transport they come from, so it runs unchanged over all of them.
//
// One thread at a time calls a device: the one that runs its Runner.
#pragma once

#include <cstdint>
#include <string_view>

#include "vdev/core/attachment.hpp"
#include "vdev/core/registers.hpp"
#include "vdev/os/result.hpp"

namespace bellwire {

struct DeviceTraits {
  std::string_view kind;            ///< its name, as the catalog lists it
  unsigned doorbells = 1;           ///< the most that it can use
  unsigned interrupts = 1;          ///< likewise
  std::uint64_t register_size = 0;  ///< bytes; 0: it has no registers
};

/// What a device says when it returns: whether it left work behind.
enum class Turn {
  done,
  more,  ///< call again, after the other doorbells had their turn
};

class Device {
 public:
  virtual ~Device() = default;

  [[nodiscard]] virtual DeviceTraits traits() const noexcept = 0;
  [[nodiscard]] virtual RegisterBlock* registers() noexcept { return nullptr; }

  /// The attachment is the device's while it runs. On an error it isn't running.
  [[nodiscard]] virtual Result<void> start(Attachment attachment) = 0;

  /// Doorbell `index` was rung `rings` times; 0 when it is only a look: the first after a start,
  /// since an earlier incarnation may have left work, or the next after Turn::more. The count says
  /// that somebody rang; the work is in the ring. Must not block, nor loop without a bound.
  virtual Turn on_doorbell(unsigned index, std::uint64_t rings) noexcept = 0;

  /// A look at doorbell `index` that need not ask for a ring: more: there was work; done: there was
  /// none. A driver that isn't asked rings no more, so on_doorbell() comes before the runner
  /// sleeps.
  virtual Turn on_poll(unsigned index) noexcept { return on_doorbell(index, 0); }

  /// Ten times a second while doorbells are rung or it waits(), and for a moment after the last, to
  /// tell the driver that it is alive.
  virtual void on_tick() noexcept {}

  /// Whether it waits for its driver, and wants to be ticked until that is over.
  [[nodiscard]] virtual bool waits() const noexcept { return false; }

  /// Idempotent.
  virtual void stop() noexcept = 0;
};

}  // namespace bellwire
