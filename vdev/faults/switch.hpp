// SPDX-License-Identifier: BSD-3-Clause
//
// FaultSwitch: the wires of one device to one guest pass through it, and a plan's faults happen to
// what passes. A wire may be added and removed at any time, as interrupts are connected. Without a
// plan everything passes on.
//
// What it still holds for a wire that is removed passes on, and so does what arrived and was not
// looked at: it loses nothing by itself. Signals that arrive before it looks are one.
//
// Everything happens on the thread that runs the context, which must be one only.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "vdev/core/interrupt.hpp"
#include "vdev/faults/tally.hpp"
#include "vdev/loop/event_reader.hpp"
#include "vdev/loop/timer.hpp"

namespace bellwire {

/// What the switch's user knows of its wires.
class FaultWitness {
 public:
  virtual ~FaultWitness() = default;
  /// The newest request that a signal on that wire may be about: it says so in the log.
  [[nodiscard]] virtual std::optional<FaultVictim> newest_request(FaultWire wire,
                                                                  unsigned index) noexcept {
    (void)wire, (void)index;
    return std::nullopt;
  }
  /// A signal has arrived: `count` rings that became one. `lost`: it goes nowhere.
  virtual void arrived(FaultWire wire, unsigned index, std::uint64_t count, bool lost) noexcept {
    (void)wire, (void)index, (void)count, (void)lost;
  }
};

class FaultSwitch final : public EventOwner,
                          public TimerOwner,
                          public std::enable_shared_from_this<FaultSwitch> {
 public:
  static constexpr std::size_t most_held = 1024;   ///< signals; what would be more passes on
  static constexpr unsigned descriptors_each = 3;  ///< per wire, with the eventfds of Faults
  using Target = std::variant<os::EventFd, Interrupt>;

  /// Both may be null.
  static std::shared_ptr<FaultSwitch> create(boost::asio::io_context& context,
                                             std::shared_ptr<FaultTally> tally,
                                             std::shared_ptr<FaultWitness> witness = nullptr);

  [[nodiscard]] const FaultTally* tally() const noexcept { return tally_.get(); }

  struct Wire {
    FaultWire kind;
    unsigned index;  ///< of the queue or vector
    os::EventFd from;
    Target to;
    /// Bound to `from`, where this side may bind it anew; what raises it has its other end.
    std::optional<InterruptLine> line = std::nullopt;
  };
  /// Returns what remove() takes. EMFILE, ENFILE; ENOSPC, ENOMEM: the kernel watches no more
  /// descriptors for this user.
  [[nodiscard]] Result<unsigned> add(Wire wire);
  /// `pass_on`: what is left for the wire goes out; otherwise it is forgotten.
  void remove(unsigned place, bool pass_on = true);

 private:
  using Clock = Timer::Clock;
  using Fault = FaultTally::Fault;
  struct Place {
    Wire wire;
    std::optional<EventReader> reader;
  };
  enum class Until : std::uint8_t { time, next, other };  // which comes before the time, too
  struct Held {
    Clock::time_point when;
    unsigned place;
    std::uint64_t count;
    Until until;
  };
  struct Invention {
    Clock::time_point when;
    Fault next;
  };
  using Act = void (FaultSwitch::*)(unsigned place, std::uint64_t count, const Fault& fault);

  FaultSwitch(boost::asio::io_context& context, std::shared_ptr<FaultTally> tally,
              std::shared_ptr<FaultWitness> witness);

  void on_event(unsigned place, std::uint64_t count) override;
  void arrived(unsigned place, std::uint64_t count);
  void inject(unsigned place, std::uint64_t count, const Fault& fault);
  /// Why it can't happen; null: it can.
  [[nodiscard]] const char* why_not(unsigned place, const Fault& fault) const;
  /// Whether one that is held waits for just this signal, which is to be held likewise.
  [[nodiscard]] bool awaited(unsigned place, const Fault& fault) const;
  [[nodiscard]] bool swaps(const Held& held, unsigned place) const;
  void note(unsigned place, const Fault& fault);
  void pass(unsigned place, std::uint64_t count);
  static void send(const Target& to, std::uint64_t count) noexcept;
  [[nodiscard]] const FaultRule& rule_of(const Fault& fault) const noexcept;
  [[nodiscard]] std::vector<unsigned> places_of(FaultWire kind) const;

  static const std::array<Act, fault_actions> acts;  // by FaultAction
  void drop(unsigned place, std::uint64_t count, const Fault& fault);
  void delay(unsigned place, std::uint64_t count, const Fault& fault);
  void repeat(unsigned place, std::uint64_t count, const Fault& fault);
  void merge(unsigned place, std::uint64_t count, const Fault& fault);
  void reorder(unsigned place, std::uint64_t count, const Fault& fault);
  void misroute(unsigned place, std::uint64_t count, const Fault& fault);
  void stall(unsigned place, std::uint64_t count, const Fault& fault);
  void crash(unsigned place, std::uint64_t count, const Fault& fault);
  void exchange(unsigned place, std::uint64_t count, const Fault& fault);
  [[nodiscard]] Result<void> exchange_event(unsigned place);

  void hold(unsigned place, std::uint64_t count, const Fault& fault, Until until);
  /// Takes one that is held and of which that is so.
  template <class Chosen>
  std::optional<Held> take_held(const Chosen& chosen);

  void begin_inventions(FaultWire kind);
  void end_inventions(FaultWire kind);
  void invent(Invention& invention, Clock::time_point now);
  void on_time() override;
  void set_timer();

  boost::asio::io_context& context_;
  const std::shared_ptr<FaultTally> tally_;
  const std::shared_ptr<FaultWitness> witness_;
  Timer timer_;
  std::vector<std::optional<Place>> places_;
  std::vector<Held> held_;
  std::vector<Invention> inventions_;
  std::optional<Clock::time_point> set_for_;  // the timer
};

}  // namespace bellwire
