// SPDX-License-Identifier: BSD-3-Clause
//
// Device: what an author writes. It knows doorbells, interrupts, memory and its registers; it never
// knows which transport they come from, so it runs unchanged on all of them.
//
// One thread at a time calls a device: the one that runs its Runner.
#pragma once

#include <cstdint>
#include <string_view>

#include "vdev/core/attachment.hpp"
#include "vdev/os/result.hpp"

namespace bellwire {

/// Registers, whose accesses a transport that traps them forwards to the device.
class RegisterBlock {
 public:
  virtual ~RegisterBlock() = default;

  /// `offset` is within the block, `size` is 1, 2, 4 or 8 bytes. Undefined registers read as zero
  /// and ignore writes. Called on the thread that runs the device.
  virtual std::uint64_t read(std::uint64_t offset, unsigned size) noexcept = 0;
  virtual void write(std::uint64_t offset, unsigned size, std::uint64_t value) noexcept = 0;
};

struct DeviceTraits {
  std::string_view kind;            ///< the device's name in the catalog
  unsigned doorbells = 1;           ///< the most that it can use
  unsigned interrupts = 1;          ///< likewise
  std::uint64_t register_size = 0;  ///< bytes; 0: no registers
};

/// Whether a device left work behind when it returned.
enum class Turn {
  done,
  more,  ///< call again, after the other doorbells have had their turn
};

class Device {
 public:
  virtual ~Device() = default;

  [[nodiscard]] virtual DeviceTraits traits() const noexcept = 0;
  [[nodiscard]] virtual RegisterBlock* registers() noexcept { return nullptr; }

  /// The device owns the attachment while it runs. After an error it is not running.
  [[nodiscard]] virtual Result<void> start(Attachment attachment) = 0;

  /// Doorbell `index` was rung `rings` times. 0: it was not rung, but there may be work: after a
  /// start, since an earlier incarnation may have left some, and after Turn::more. The count only
  /// says that somebody rang; the work is in the ring. Must not block, nor loop without a bound.
  virtual Turn on_doorbell(unsigned index, std::uint64_t rings) noexcept = 0;

  /// Polls doorbell `index` without asking the driver to ring. more: there was work; done: there
  /// was none. A driver that is not asked does not ring, so the runner calls on_doorbell() before
  /// it sleeps.
  virtual Turn on_poll(unsigned index) noexcept { return on_doorbell(index, 0); }

  /// Is rung, from any thread, when the device has something to do that no doorbell announces: then
  /// on_ready() is called. Constant from start() to stop(). Null: there is none.
  [[nodiscard]] virtual const os::EventFd* ready() const noexcept { return nullptr; }
  virtual void on_ready() noexcept {}

  /// Called ten times per second while doorbells are rung or waits() is true, and for a moment
  /// after that: shows the driver that the device is alive.
  virtual void on_tick() noexcept {}

  /// Whether the device waits for its driver, or works on a request, and wants ticks until that is
  /// over.
  [[nodiscard]] virtual bool waits() const noexcept { return false; }

  /// When it returns, nothing of the device uses the attachment any more. Idempotent.
  virtual void stop() noexcept = 0;
};

}  // namespace bellwire
