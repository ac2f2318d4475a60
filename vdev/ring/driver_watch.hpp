// SPDX-License-Identifier: BSD-3-Clause
//
// DriverWatch: the driver's look at a queue and its device after it waited in vain. It advises what
// to do, and says what was found:
//
//   paused  the device does not beat although it was rung, and nobody says that it is gone
//   gone    it left, or died
//   lost    it beats, and a hop never happened
//   stuck   it beats, and does not do its own work
//
// A conclusion about a hop needs proof: that both sides ran for a while after it was due. For the
// driver's side, that is this process: a look that comes late is no proof, since the process, or
// its VM, was not running. For the device's side, it is the beat. A doorbell needs none of that,
// since eventfds keep their counts: what was rung and what arrived are compared.
//
// One thread at a time.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "vdev/ring/hang.hpp"

namespace bellwire::ring {

/// What a driver can see of its device and its module, beside its queue.
struct DeviceSigns {
  std::uint32_t state;  ///< enum bellwire_device_state
  std::uint32_t incarnation;
  std::uint32_t beat;
  std::uint64_t doorbells;  ///< that were rung for this queue, ever
};

/// Whether a device that was rung beats.
class Pulse {
 public:
  using Clock = std::chrono::steady_clock;
  enum class State { unknown, beating, paused, gone };
  static constexpr std::chrono::milliseconds silence{1000};  ///< is more than being slow
  static constexpr std::chrono::milliseconds absence{1200};  ///< from one look to the next
  /// The first may have been due already; with the second it has seen the ring.
  static constexpr std::uint32_t proof = 2;

  /// It is rung now.
  void begin(Clock::time_point now, const DeviceSigns& signs) noexcept;
  State look(Clock::time_point now, const DeviceSigns& signs) noexcept;
  /// Whether too long passed since the last look: then nothing is proved by it.
  [[nodiscard]] bool absent(Clock::time_point now) const noexcept { return now - last_ > absence; }

 private:
  Clock::time_point since_, last_;
  std::uint32_t beat_ = 0;
};

class DriverWatch {
 public:
  using Clock = Pulse::Clock;
  static constexpr std::chrono::milliseconds pause{300};  ///< from one look to the next, usually
  static constexpr std::chrono::seconds limit{10};        ///< for a device that is gone or stuck

  enum class Advice {
    wait,  ///< for `pause`, then look again
    ring,  ///< the doorbell itself, then the same
    done,  ///< nothing more can be found out now; completions that are there may be taken
  };

  explicit DriverWatch(const Queue& queue) noexcept : queue_(queue) {}

  /// The device serves the queue, and all is quiet.
  void begin(const DeviceSigns& signs) noexcept;

  /// A wait was in vain.
  [[nodiscard]] Advice look(Clock::time_point now, const DeviceSigns& signs);

  /// Whether a request is under suspicion; then settle() whenever a wait wasn't in vain.
  [[nodiscard]] bool suspects() const noexcept { return suspect_.has_value(); }

  /// False: a doorbell may still be on its way; look again a little later, or give_up() on it.
  [[nodiscard]] bool settle(Clock::time_point now, const DeviceSigns& signs);
  void give_up(Clock::time_point now);

  /// What was found since the last call, in words.
  [[nodiscard]] std::optional<std::string> report();

  /// Hops that were lost, and repaired.
  [[nodiscard]] std::uint64_t losses() const noexcept { return losses_; }
  [[nodiscard]] bool paused() const noexcept { return state_ == Pulse::State::paused; }

  /// Why it is no use to wait on; empty while it is.
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
  [[nodiscard]] Advice conclude(Clock::time_point now, Pulse::State state);
  void tell_state(Clock::time_point now, Pulse::State state);
  void count(Clock::time_point now, bellwire_hop hop);
  void clear(Clock::time_point now);
  [[nodiscard]] std::int64_t missing(const DeviceSigns& signs) const noexcept;

  Queue queue_;
  Pulse pulse_;
  Pulse::State state_ = Pulse::State::unknown;
  std::optional<Suspect> suspect_;
  bool stuck_ = false;
  std::int64_t missing_ = 0;  // doorbells that were rung and not counted by the device, ordinarily
  std::uint32_t incarnation_ = 0;  // of missing_
  std::uint64_t losses_ = 0;
  std::string report_;
};

}  // namespace bellwire::ring
