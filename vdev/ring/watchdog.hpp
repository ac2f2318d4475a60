// SPDX-License-Identifier: BSD-3-Clause
//
// Watchdog: the device's side watches a queue whose oldest request makes no progress. When its
// patience is over it asks for a repair, and then observes the effect, because only that shows the
// cause:
//
//   lost    the driver goes on at once, and the hop never happened
//   paused  the driver does not react; when it goes on later, the hop happens after all
//   reset   the driver reset the queue
//   gone    the driver left
//
// Time in which nobody looked does not count: the device's own process was not running then. A
// driver that finds a loss by itself records it in the shared memory, and the watchdog reports it.
//
// What a person holds in slow motion is left alone, and reported as that.
//
// One thread at a time, the device's. Below it: what is written for a side that died.
#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string>

#include "vdev/core/attachment.hpp"
#include "vdev/core/interrupt.hpp"
#include "vdev/ring/hang.hpp"

namespace bellwire::ring {

class Watchdog {
 public:
  using Clock = std::chrono::steady_clock;
  using Duration = std::chrono::milliseconds;
  static constexpr Duration patience{1500};

  enum class Repair {
    none,
    serve,  ///< serve the queue as if it had been rung
    raise,  ///< raise the interrupt again
  };
  struct Finding {
    Repair repair = Repair::none;
    std::optional<std::string> report;  ///< for the log; each finding is reported once
    std::optional<bellwire_hop> lost;   ///< to be counted; the report names the request
  };

  /// `interrupt`: the queue's.
  Watchdog(const Queue& queue, Interrupt interrupt);

  /// To be called regularly while watching().
  [[nodiscard]] Finding look(Clock::time_point now);

  /// The doorbell was rung; on the hot path. True: call look() now, since by the next tick the
  /// driver may have gone on and left.
  bool rung() noexcept {
    if (repaired_) note_late_ring();
    return repaired_ || seen_;
  }

  /// Whether the effect of a repair is not known yet.
  [[nodiscard]] bool repairing() const noexcept { return repaired_.has_value(); }

  /// Whether looking again may show something even if nobody rings.
  [[nodiscard]] bool watching() const noexcept {
    return repaired_ ? !repaired_->reported : seen_.has_value() || (held_ && !told_);
  }

 private:
  struct Repaired {
    Hang hang;
    std::uint32_t submitted;  // when it was repaired
    Clock::time_point since;  // when the request was first seen to stand still
    bool untaken;             // the other end had not even taken the interrupt's count
    bool late = false;        // the doorbell came after all
    bool reported = false;    // as paused
    Duration observed{};      // since the repair
  };

  void note_late_ring() noexcept;
  [[nodiscard]] Finding settle(Clock::time_point now);
  [[nodiscard]] bool settled() const noexcept;
  [[nodiscard]] bool lost() const noexcept;
  [[nodiscard]] Finding begin_repair();
  [[nodiscard]] Finding report_driver_losses();

  [[nodiscard]] Finding report_slow_motion(Duration step);

  Queue queue_;
  Interrupt interrupt_;
  bool held_ = false;  // by the guest, in slow motion,
  bool told_ = false;  // which was reported
  std::optional<Hang> seen_;
  Clock::time_point since_;  // seen_ was first seen
  LookInterval interval_;
  Duration observed_{};  // seen_ stood still, while somebody looked
  std::optional<Repaired> repaired_;
  std::uint32_t generation_ = 0;  // of driver_lost_
  std::array<std::uint32_t, BELLWIRE_HOPS> driver_lost_{};
};

// For the owner of the wires (a switchboard), to write into the shared memory what a side that died
// could not write itself. To be called only once that side is surely gone, so that its words have
// no other writer until the next one comes.
//
// Rules: guest-kmod/uapi/bellwire.h, "Device alive". The memory is not trusted.

/// Marks the device as died unless it had stopped in good order. Does nothing if the memory's
/// format is broken.
void device_died(const MemoryView& memory) noexcept;

/// Ends the generations of all queues, as the guest's module does when it leaves.
void guest_died(const MemoryView& memory) noexcept;

}  // namespace bellwire::ring
