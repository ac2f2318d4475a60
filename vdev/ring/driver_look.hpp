// SPDX-License-Identifier: BSD-3-Clause
//
// DriverLook: how a driver goes on although a doorbell or an interrupt was lost. A driver that has
// slept for LookTime looks at its ring. If two looks in a row find the same signal missing, the
// driver does without it: it rings again, or goes on as if it had been interrupted.
//
// A look only repairs. What was lost is judged by others, with proof (driver_watch.hpp,
// watchdog.hpp); here a signal is *recovered* if it had not come when the looks replaced it. A
// doorbell that the device counts after all was only late, and is not recovered.
//
// The same rule as guest-kmod/module/look.c. Nothing here allocates. One thread.
#pragma once

#include <chrono>
#include <cstdint>

#include "vdev/ring/driver_queue.hpp"
#include "vdev/ring/look_time.hpp"

namespace bellwire::ring {

class DriverLook {
 public:
  enum class Missing : std::uint8_t { nothing, doorbell, interrupt };

  /// The generation was just begun, and is rung next. `layout`: of the queue.
  DriverLook(const Layout& layout, const Queue& queue, std::uint32_t generation) noexcept
      : layout_(layout), queue_(queue), generation_(generation) {}

  void rung() noexcept { ++rung_; }
  /// `slept`: for an interrupt that came.
  void interrupted(LookTime::Duration slept) noexcept;

  /// How long to sleep before a look.
  [[nodiscard]] LookTime::Duration time() const noexcept { return time_.time(); }
  /// To be called after a sleep of time(). What it returns is missing: ring, or go on. `records`:
  /// notes what is recovered; null: nobody does.
  [[nodiscard]] Missing look(ModuleQueue* records = nullptr) noexcept;

  /// Both up to now.
  [[nodiscard]] std::uint64_t recovered_doorbells() noexcept {
    settle(see(), nullptr);
    return doorbells_;
  }
  [[nodiscard]] std::uint64_t recovered_interrupts() const noexcept { return interrupts_; }

 private:
  struct Seen {
    Missing missing = Missing::nothing;
    bool served = false;        // the generation
    std::uint32_t request = 0;  // whose signal it is
    bool operator==(const Seen&) const = default;
  };
  struct Again {  // a doorbell that was rung again
    Seen seen;
    std::int64_t uncounted = 0;  // before that
    std::uint32_t incarnation = 0;
    std::uint64_t ticks = 0;  // when
  };

  [[nodiscard]] Seen see() const noexcept;
  [[nodiscard]] bool served() const noexcept;
  [[nodiscard]] std::int64_t uncounted() const noexcept;
  void ring_again(const Seen& seen) noexcept;
  void settle(const Seen& seen, ModuleQueue* records) noexcept;

  Layout layout_;
  Queue queue_;
  std::uint32_t generation_;
  LookTime time_;
  std::uint64_t rung_ = 0;    // in this generation
  bool interrupted_ = false;  // likewise
  bool replaced_ = false;     // a signal, since the last interrupt: its time says nothing
  Seen seen_;                 // at the last look
  std::uint32_t completed_ = 0;
  Again again_;
  std::uint64_t doorbells_ = 0, interrupts_ = 0;
};

}  // namespace bellwire::ring
