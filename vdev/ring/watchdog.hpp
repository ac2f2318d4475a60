// SPDX-License-Identifier: BSD-3-Clause
//
// Watchdog: the device's look at a queue whose oldest request does not get on. After its patience
// it asks for a repair, and then watches what becomes of it, because only that shows the cause:
//
//   lost    the driver goes on at once, and the hop never happened
//   paused  the driver does not react; it may go on later, and then the hop comes after all
//   reset   the driver began anew
//   gone    the driver left
//
// Time in which nobody looked does not count: the device's process itself was not running then.
// A driver that finds a loss by itself says so in the shared memory, and the watchdog reports it.
//
// One thread at a time.
#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string>

#include "vdev/core/interrupt.hpp"
#include "vdev/ring/hang.hpp"

namespace bellwire::ring {

class Watchdog {
 public:
  using Clock = std::chrono::steady_clock;
  using Duration = std::chrono::milliseconds;
  static constexpr Duration patience{1500};
  static constexpr Duration longest_step{250};  ///< that counts from one look to the next

  enum class Repair {
    none,
    serve,  ///< serve the queue as if it had been rung
    raise,  ///< raise the interrupt again
  };
  struct Finding {
    Repair repair = Repair::none;
    std::optional<std::string> report;  ///< what is known now, once each
    std::optional<bellwire_hop> lost;   ///< to be counted; the report says which request
  };

  /// `interrupt`: the queue's.
  Watchdog(const Queue& queue, Interrupt interrupt);

  /// To be called now and then, while watching().
  [[nodiscard]] Finding look(Clock::time_point now);

  /// The doorbell was rung. On the hot path. Whether there is something to look after, now: the
  /// next look may come when its driver has gone on and left.
  bool rung() noexcept {
    if (repaired_) note_late_ring();
    return repaired_ || seen_;
  }

  /// Whether it isn't known yet what became of a repair.
  [[nodiscard]] bool repairing() const noexcept { return repaired_.has_value(); }

  /// Whether there is something that may yet be found out without a ring.
  [[nodiscard]] bool watching() const noexcept {
    return repaired_ ? !repaired_->reported : seen_.has_value();
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

  Queue queue_;
  Interrupt interrupt_;
  std::optional<Hang> seen_;
  Clock::time_point since_;  // seen_ was first seen
  std::optional<Clock::time_point> last_look_;
  Duration observed_{};  // seen_ stood still, while somebody looked
  std::optional<Repaired> repaired_;
  std::uint32_t generation_ = 0;  // of driver_lost_
  std::array<std::uint32_t, BELLWIRE_HOPS> driver_lost_{};
};

}  // namespace bellwire::ring
