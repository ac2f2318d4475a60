// SPDX-License-Identifier: BSD-3-Clause
//
// Rule: a rule of docs/semantics.md that can be tried from user space, and how. Trying it gives an
// Observation, which is the same on model and kernel if both keep the rule. One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vdev/machine/machine.hpp"
#include "vdev/machine/rules/event_file.hpp"

namespace bellwire::rules {

/// Where a rule is tried: on the model, or on the kernel.
struct World {
  EventFileFactory event_file;
  machine::MachineFactory machine;
};

[[nodiscard]] World model_world();

/// What was seen, step by step.
class Observation {
 public:
  struct Step {
    std::string what, answer;
  };

  Observation& note(std::string_view what, std::string_view answer);
  /// 0 is "ok", others are the error's name.
  Observation& error(std::string_view what, int error);
  Observation& number(std::string_view what, std::uint64_t value);
  Observation& yes(std::string_view what, bool value) { return note(what, value ? "yes" : "no"); }
  /// As "0x41 0x42", or "none".
  Observation& vectors(std::string_view what, const std::vector<std::uint8_t>& vectors);

  [[nodiscard]] std::span<const Step> steps() const noexcept { return steps_; }
  /// In a line: "4 bytes: EINVAL, 8 bytes: ok".
  [[nodiscard]] std::string text() const;

 private:
  std::vector<Step> steps_;
};

/// "EINVAL"; "ok" for 0.
[[nodiscard]] std::string error_name(int error);

enum class Subject : std::uint8_t { eventfd, machine };

struct Rule {
  unsigned number;
  Subject subject;
  std::string_view text;
  std::string_view says;   ///< what is observed if the rule holds, as Observation::text() has it
  std::string_view older;  ///< the same for older kernels; empty: no difference
  Observation (*observe)(const World& world);
};

/// A rule explained to people who learn.
struct Explanation {
  unsigned rule;
  std::string_view tried;   ///< what Rule::observe() does
  std::string_view why;     ///< the reason, and what follows for a driver, a device or a VMM
  std::string_view source;  ///< where a specification or the kernel says so
};

/// All of them, by number.
[[nodiscard]] std::span<const Rule> all() noexcept;

/// One for each of all(), by number.
[[nodiscard]] std::span<const Explanation> explanations() noexcept;

[[nodiscard]] const Explanation& explanation_of(const Rule& rule);

/// Tries it and returns the observation; of a trial that failed, its last step is "failed: …".
[[nodiscard]] Observation observe(const Rule& rule, const World& world);

/// Whether the rule allows that observation, for current or older kernels.
[[nodiscard]] bool allows(const Rule& rule, std::string_view seen) noexcept;

// The tables that all() joins.
[[nodiscard]] std::span<const Rule> eventfd_rules() noexcept;
[[nodiscard]] std::span<const Rule> ioeventfd_rules() noexcept;
[[nodiscard]] std::span<const Rule> irqfd_rules() noexcept;
[[nodiscard]] std::span<const Rule> msix_rules() noexcept;

}  // namespace bellwire::rules
