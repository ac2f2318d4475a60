// SPDX-License-Identifier: BSD-3-Clause
//
// Rule: a rule of docs/semantics.md that can be tried from user space, and how. Trying it gives a
// line of text with what was observed, so that model and kernel can be compared. One thread at a
// time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "vdev/machine/machine.hpp"
#include "vdev/machine/rules/event_file.hpp"

namespace bellwire::rules {

/// Where a rule is tried: on the model, or on the kernel.
struct World {
  EventFileFactory event_file;
  machine::MachineFactory machine;
};

[[nodiscard]] World model_world();

enum class Subject : std::uint8_t { eventfd, machine };

struct Rule {
  unsigned number;
  Subject subject;
  std::string_view text;
  std::string_view says;   ///< what is observed if the rule holds
  std::string_view older;  ///< the same for older kernels; empty: no difference
  std::string (*observe)(const World& world);
};

/// All of them, by number.
[[nodiscard]] std::span<const Rule> all() noexcept;

/// Tries it and returns the observation, or "failed: …".
[[nodiscard]] std::string observe(const Rule& rule, const World& world);

/// Whether the rule allows that observation, for current or older kernels.
[[nodiscard]] bool allows(const Rule& rule, std::string_view seen) noexcept;

// The tables that all() joins.
[[nodiscard]] std::span<const Rule> eventfd_rules() noexcept;
[[nodiscard]] std::span<const Rule> ioeventfd_rules() noexcept;
[[nodiscard]] std::span<const Rule> irqfd_rules() noexcept;
[[nodiscard]] std::span<const Rule> msix_rules() noexcept;

}  // namespace bellwire::rules
