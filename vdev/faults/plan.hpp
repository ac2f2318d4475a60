// SPDX-License-Identifier: BSD-3-Clause
//
// FaultPlan: what goes wrong on purpose with the doorbells, interrupts and completions of a device,
// as a text that people write. A plan is rules, separated by semicolons or newlines:
//
//     drop interrupt 1/1000; delay doorbell 50us..2ms; seed 42
//
//     plan   = rule (";" rule)…
//     rule   = ACTION WIRE [WHICH] [TIME] | "seed" NUMBER
//     WIRE   = "doorbell" | "interrupt" | "completion", of a ring or a virtqueue
//     WHICH  = N          the Nth alone, from 1 on
//            | "every" N  the Nth, the 2Nth, …
//            | A "/" B    each with this probability
//                         without WHICH: each one
//     TIME   = D | D ".." D   a number with its unit, 50us; of a range each time another
//
// | ACTION   | what happens to the signal                                    | TIME           |
// |----------|---------------------------------------------------------------|----------------|
// | drop     | it is lost                                                    | -              |
// | delay    | it comes so much later; others may overtake it                | required       |
// | double   | it comes again, so much later                                 | 100us, usually |
// | merge    | it waits for the next one of its wire, so long at most        | 10ms, usually  |
// | reorder  | it waits until one of another wire has passed, so long at most| 10ms, usually  |
// | misroute | it comes by another wire of its kind                          | -              |
// | invent   | after each such time one comes that nobody sent; no WHICH     | required       |
// | stall    | the device's thread sleeps for so long first                  | required       |
// | crash    | the device's process is killed as by SIGKILL                  | -              |
// | swap     | its eventfd is exchanged first; interrupts only               | -              |
//
// | ACTION   | what happens to the completion                                | TIME           |
// |----------|---------------------------------------------------------------|----------------|
// | drop     | it is never published, nor what follows it in a ring of ours  | -              |
// | stall    | it is published so much later; the device's thread sleeps     | required       |
// | double   | it answers the next request as well, or is returned twice     | -              |
// | misroute | it has the cookie of the next request, or the next ID         | -              |
// | corrupt  | a bit of its output is flipped                                | -              |
// | scramble | a word of the device in a ring of ours gets a value by chance | -              |
// | crash    | the device's process is killed before it is published         | -              |
//
// The first rule that chooses a signal has it. N counts all signals of that kind of wire, over all
// queues of the device; signals that arrive before anybody looks are one. Chance is drawn from the
// seed (1, if the plan has none), per rule and wire: a wire that gets the same signals again has
// the same ones chosen, whatever the time and the other wires do.
//
// Any thread.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vdev/os/result.hpp"

namespace bellwire {

enum class FaultWire : std::uint8_t { doorbell, interrupt, completion };
constexpr std::size_t fault_wires = 3;

enum class FaultAction : std::uint8_t {
  drop,
  delay,
  double_,
  merge,
  reorder,
  misroute,
  invent,
  stall,
  crash,
  corrupt,
  scramble,
  swap,
};
constexpr std::size_t fault_actions = 12;

struct FaultRule {
  enum class Chooses : std::uint8_t { nth, every, chance };
  using Duration = std::chrono::nanoseconds;

  FaultAction action;
  FaultWire wire;
  Chooses chooses = Chooses::every;
  std::uint64_t number = 1;  ///< N, or A
  std::uint64_t of = 1;      ///< B
  Duration least{0}, most{0};

  /// Whether it chooses the signal with that number, counted from 1; `random` is drawn for it.
  [[nodiscard]] bool hits(std::uint64_t nth, std::uint64_t random) const noexcept;
  [[nodiscard]] Duration time(std::uint64_t random) const noexcept;
  bool operator==(const FaultRule&) const = default;
};

struct FaultPlan {
  static constexpr std::size_t most_rules = 32;
  static constexpr std::chrono::seconds longest{60};  ///< time of a rule

  std::vector<FaultRule> rules;
  std::optional<std::uint64_t> seed;

  /// EINVAL: the message names the word, its place in the text from 1 on, and what is allowed
  /// there. The text may be of a seed alone, to be added to another's rules.
  [[nodiscard]] static Result<FaultPlan> parse(std::string_view words);
  /// Adds the other's rules behind its own. EINVAL: too many; both have a seed.
  [[nodiscard]] Result<void> add(const FaultPlan& other);

  [[nodiscard]] bool empty() const noexcept { return rules.empty(); }
  [[nodiscard]] bool touches(FaultWire wire) const noexcept;
  bool operator==(const FaultPlan&) const = default;
};

/// As parse() reads it.
[[nodiscard]] std::string describe(const FaultRule& rule);
[[nodiscard]] std::string describe(const FaultPlan& plan);
[[nodiscard]] std::string_view name_of_wire(FaultWire wire) noexcept;
[[nodiscard]] std::string_view name_of_action(FaultAction action) noexcept;
/// "dropped", "delayed"
[[nodiscard]] std::string_view participle_of(FaultAction action) noexcept;

}  // namespace bellwire
