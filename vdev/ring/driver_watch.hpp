// SPDX-License-Identifier: BSD-3-Clause
//
// How a driver's side finds out why it waits in vain. Both observers here are made of the same
// parts: the hang that the shared memory shows (hang.hpp), and the device's Heartbeat.
//
//   DriverWatch    is the driver's own: it advises what to do, repairs what was lost, and reports
//   StallDetector  observes the driver of a guest that came along, and only reports
//
// What a DriverWatch reports:
//
//   paused  the device was rung and does not beat, and nobody says that it is gone
//   gone    the device left, or died
//   lost    the device beats, and a hop never happened
//   slow    the device beats, and has not completed a request for long
//   stuck   the device beats, and does not do its own work
//
// Concluding that a hop was lost needs proof that both sides ran for a while after it was due. For
// the driver's side, that is this process: a look that comes late proves nothing, since the process
// or its VM was not running. For the device's side it is the heartbeat. A doorbell needs neither,
// since eventfds keep their counts: the number of rings is compared with the number that arrived.
//
// One thread at a time.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "vdev/ring/hang.hpp"
#include "vdev/ring/layout.hpp"

namespace bellwire::ring {

/// What a driver can see of its device and its module, besides its queue.
struct DeviceSigns {
  std::uint32_t state;  ///< enum bellwire_device_state
  std::uint32_t incarnation;
  std::uint32_t beat;
  std::uint64_t doorbells;  ///< that were rung for this queue, ever
};

/// Whether a device beats that has reason to: one that was rung, or that has requests.
class Heartbeat {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Health { unknown, beating, paused, gone };
  static constexpr std::chrono::milliseconds silence{1000};  ///< longer than a slow device takes
  static constexpr std::chrono::milliseconds absence{1200};  ///< from one look to the next
  /// Beats that prove that the device has seen the ring: the first may have been due already.
  static constexpr std::uint32_t proof = 2;

  /// Counts beats from now on: the device is rung now.
  void begin(Clock::time_point now, const DeviceSigns& signs) noexcept;
  Health look(Clock::time_point now, const DeviceSigns& signs) noexcept;
  /// Beats since begin().
  [[nodiscard]] std::uint32_t beats(const DeviceSigns& signs) const noexcept {
    return signs.beat - beat_;
  }
  /// Whether too long passed since the last look, so that it proves nothing.
  [[nodiscard]] bool absent(Clock::time_point now) const noexcept { return now - last_ > absence; }

 private:
  Clock::time_point since_, last_;
  std::uint32_t beat_ = 0;
};

class DriverWatch {
 public:
  using Clock = Heartbeat::Clock;
  static constexpr std::chrono::milliseconds pause{300};  ///< from one look to the next, usually
  static constexpr std::chrono::seconds limit{10};        ///< for a device that is gone or stuck

  enum class Advice {
    wait,  ///< for `pause`, then look again
    ring,  ///< the doorbell itself, then the same
    done,  ///< nothing more can be found out now; take the completions that are there
  };

  explicit DriverWatch(const Queue& queue) noexcept : queue_(queue) {}

  /// The device serves the queue, and all is quiet.
  void begin(const DeviceSigns& signs) noexcept;

  /// To be called after a wait in vain.
  [[nodiscard]] Advice look(Clock::time_point now, const DeviceSigns& signs);

  /// Whether a request is suspected to hang; then call settle() after a wait that was not in vain.
  [[nodiscard]] bool suspects() const noexcept { return suspect_.has_value(); }

  /// False: a doorbell may still be on its way; look again a little later, or give_up() on it.
  [[nodiscard]] bool settle(Clock::time_point now, const DeviceSigns& signs);
  void give_up(Clock::time_point now);

  /// A description of what was found since the last call.
  [[nodiscard]] std::optional<std::string> report();

  /// How many hops were lost and repaired.
  [[nodiscard]] std::uint64_t losses() const noexcept { return losses_; }
  [[nodiscard]] bool paused() const noexcept { return state_ == Heartbeat::Health::paused; }
  /// Whether the device beats, and has taken all requests, or is held in slow motion: it may take
  /// any time.
  [[nodiscard]] bool at_work() const noexcept { return at_work_; }

  /// Why waiting any longer is pointless; empty if it is not.
  [[nodiscard]] std::optional<std::string> hopeless(Clock::time_point now) const;

 private:
  struct Suspect {
    Hang hang;
    Clock::time_point since;
    std::uint32_t incarnation;
    bool rung = false;
  };

  void suspect(Clock::time_point now, const DeviceSigns& signs, const Hang& hang);
  [[nodiscard]] Advice ring(Clock::time_point now, const DeviceSigns& signs) noexcept;
  [[nodiscard]] Advice conclude(Clock::time_point now, Heartbeat::Health state);
  [[nodiscard]] bool passed() const noexcept;
  void wait_for_device(Clock::time_point now);
  void report_state(Clock::time_point now, Heartbeat::Health state);
  void count(Clock::time_point now, bellwire_hop hop);
  void clear(Clock::time_point now);
  [[nodiscard]] std::int64_t missing(const DeviceSigns& signs) const noexcept;

  Queue queue_;
  Heartbeat heartbeat_;
  Heartbeat::Health state_ = Heartbeat::Health::unknown;
  std::optional<Suspect> suspect_;
  bool stuck_ = false;
  bool at_work_ = false;      // by the last look()
  bool slow_ = false;         // reported
  std::int64_t missing_ = 0;  // doorbells that were rung and not counted by the device, ordinarily
  std::uint32_t incarnation_ = 0;  // of missing_
  std::uint64_t losses_ = 0;
  std::string report_;
};

/// For the driver of a guest that came along with its device, seen from outside: whether the queue
/// has stalled, and when the guest has to give up. It writes nothing and repairs nothing; the
/// device's Watchdog may do that, later. A queue hangs when it makes no progress while the device
/// beats: then the device's thread runs, and a doorbell or an interrupt must have got lost.
class StallDetector {
 public:
  using Clock = Heartbeat::Clock;
  static constexpr std::chrono::milliseconds patience{600};
  static constexpr unsigned beats = 3;                     ///< of the device, meanwhile
  static constexpr std::chrono::milliseconds limit{5000};  ///< with or without beats

  enum class Finding {
    nothing,   ///< so far
    hangs,     ///< returned once per stall
    hopeless,  ///< `limit` is over
  };

  /// For queue `queue` of that memory.
  StallDetector(const Layout& layout, unsigned queue) noexcept;

  /// To be called while the driver waits, several times per LookInterval::longest.
  [[nodiscard]] Finding look(Clock::time_point now) noexcept;

  /// Whether `hangs` was returned for this stall.
  [[nodiscard]] bool reported() const noexcept { return reported_; }

  /// "request 4711: doorbell written 0.6 s ago, never seen by the device: …"
  [[nodiscard]] std::string describe() const;

 private:
  // Everything that changes when the queue makes progress: `beat` while the device is at work on
  // all that it was sent, which may take it any time.
  struct Progress {
    std::uint32_t generation, served, completed, consumed, beat;
    bool operator==(const Progress&) const = default;
  };
  [[nodiscard]] Progress progress() const noexcept;
  [[nodiscard]] DeviceSigns signs() const noexcept;

  Layout layout_;
  Queue queue_;
  Progress seen_{};
  LookInterval interval_;
  Clock::duration stalled_{};
  Heartbeat heartbeat_;  // since this stall began
  bool reported_ = false;
};

}  // namespace bellwire::ring
