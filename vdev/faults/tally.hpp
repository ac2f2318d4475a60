// SPDX-License-Identifier: BSD-3-Clause
//
// FaultTally: decides for each signal of a device whether the plan lets something go wrong with it,
// and counts what arrived and what went wrong. One for all attachments of a device, one after the
// other or side by side, so that the plan's numbers go on. One that is open takes more rules while
// the device runs.
//
// One thread at a time uses it, the device's; any thread may give rules, and read the counts.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "vdev/faults/plan.hpp"

namespace bellwire {

/// A request of a queue, in the generation of its driver that submitted it; 0: not known.
struct FaultVictim {
  std::uint64_t request;
  std::uint32_t generation = 0;
};

/// When something went wrong, for whoever records the device.
struct FaultMoment {
  std::uint64_t ticks;   ///< of the TSC
  std::size_t rule;      ///< its index in the tally
  std::uint64_t number;  ///< as in FaultTally::Fault
  unsigned wire;         ///< by its index
  std::optional<FaultVictim> victim;
};

struct FaultMoments {
  std::vector<FaultMoment> kept;
  std::uint64_t lost = 0;  ///< for which there was no room
};

class FaultTally {
 public:
  static constexpr std::size_t most_given = 32;  ///< rules that open() lets in, beside the plan's

  explicit FaultTally(FaultPlan plan);

  /// Rules may be given from now on, of wires of these kinds. Before anything else is done.
  void open(std::vector<FaultWire> wires) noexcept { given_wires_ = std::move(wires); }
  [[nodiscard]] bool is_open() const noexcept { return !given_wires_.empty(); }
  /// Whether a signal of such a wire may be chosen, now or later.
  [[nodiscard]] bool touches(FaultWire wire) const noexcept;

  /// What was chosen for a signal, or is invented.
  struct Fault {
    std::size_t rule;      ///< its index
    std::uint64_t number;  ///< of the signal, over all wires of its kind, from 1 on; invented: 0
    std::uint64_t random;  ///< for whatever is still to be chosen
    FaultRule::Duration time;
  };

  /// A signal has arrived on that wire. Empty: it passes on. A fault that was carried out is to be
  /// noted by injected().
  [[nodiscard]] std::optional<Fault> arrived(FaultWire wire, unsigned index);
  /// The next one of a rule that invents some; `time` from now.
  [[nodiscard]] Fault invent(std::size_t rule);
  /// `wire`: the one that it happened to, by its index.
  void injected(const Fault& fault, unsigned wire, std::optional<FaultVictim> victim) noexcept;

  static constexpr std::size_t most_moments = std::size_t{1} << 16;
  /// Keeps moments from now on, until they are taken.
  void keep_moments() noexcept;
  [[nodiscard]] FaultMoments take_moments() noexcept;

  /// Adds rules behind all others, which count signals from now on; `only`: on that wire alone. One
  /// that was given before begins anew. EPERM: it is not open; EINVAL: what can be given only when
  /// the device begins; ENOSPC: too many.
  [[nodiscard]] Result<void> give(const FaultPlan& plan, std::optional<unsigned> only);
  /// Ends all rules that were given.
  void end_given() noexcept;

  /// Stalls end early, now and from now on, while `fd` is readable: a signal's handler may write to
  /// an eventfd. It must outlive the last stall. Before any thread stalls.
  void end_stalls_by(int fd) noexcept { stall_end_ = fd; }
  /// The calling thread sleeps. It wakes early for a handled signal, and for end_stalls_by().
  void stall(FaultRule::Duration time) const noexcept;

  [[nodiscard]] const FaultPlan& plan() const noexcept { return plan_; }
  /// The plan's, then those that were given.
  [[nodiscard]] std::size_t rules() const noexcept { return used_.load(std::memory_order_acquire); }
  [[nodiscard]] const FaultRule& rule(std::size_t index) const noexcept {
    return slots_[index].rule;
  }
  /// How often the rule was carried out.
  [[nodiscard]] std::uint64_t count(std::size_t rule) const noexcept;
  /// What is known of a rule.
  struct Told {
    std::string words;  ///< "drop doorbell 1 on queue 2"
    std::uint64_t times;
    bool given, armed;
    std::optional<unsigned> last_wire;  ///< that it happened to
    std::optional<FaultVictim> victim;  ///< likewise
  };
  [[nodiscard]] Told told(std::size_t rule) const;
  [[nodiscard]] std::uint64_t arrivals(FaultWire wire) const noexcept;

  /// ENODATA: the plan changed nothing.
  [[nodiscard]] Result<void> check() const;
  /// "12 by 'drop interrupt 1/1000', 0 by 'stall doorbell 5 1s'"; empty without rules
  [[nodiscard]] std::string report() const;

 private:
  struct Slot {
    FaultRule rule{};
    std::optional<unsigned> only;
    bool given = false;
    std::atomic<bool> armed{false};
    std::atomic<std::uint64_t> seen{0};  // signals that it might have chosen
    std::atomic<std::uint64_t> injected{0};
    std::optional<unsigned> last_wire;  // with the mutex
    std::optional<FaultVictim> victim;  // likewise
  };
  [[nodiscard]] Result<void> check_given(const FaultPlan& plan) const;
  [[nodiscard]] Slot* find_given(const FaultRule& rule, std::optional<unsigned> only) noexcept;
  static void arm(Slot& slot) noexcept;
  [[nodiscard]] std::uint64_t random(std::size_t rule, std::uint64_t wire,
                                     std::uint64_t turn) const noexcept;

  const FaultPlan plan_;
  std::vector<FaultWire> given_wires_;
  std::unique_ptr<Slot[]> slots_;  // with room for all that may be given: none moves
  std::atomic<std::size_t> used_;
  mutable std::mutex mutex_;             // of giving, of a slot's last words, and of the moments
  std::optional<FaultMoments> moments_;  // while they are kept
  std::array<std::atomic<std::uint64_t>, fault_wires> arrivals_{};    // by FaultWire
  std::array<std::vector<std::uint64_t>, fault_wires> of_each_wire_;  // likewise, then by index
  std::vector<std::uint64_t> inventions_;                             // by rule of the plan
  int stall_end_ = -1;
};

/// The calling thread sleeps. It wakes early for a handled signal, and once `end` is readable; -1:
/// there is no end.
void stall_thread(FaultRule::Duration time, int end) noexcept;

/// Kills this process as by SIGKILL; only the log goes out first.
void crash_process(const FaultTally& tally);

}  // namespace bellwire
