// SPDX-License-Identifier: BSD-3-Clause
//
// Rule: one of docs/semantics.md that can be tried from user space, and how. Trying it gives a line
// of text that says what was seen, so that model and kernel can be held against each other.
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
  std::string_view says;   ///< what is seen where the rule holds
  std::string_view older;  ///< or on older kernels; empty: the same
  std::string (*observe)(const World& world);
};

/// All of them, by number.
[[nodiscard]] std::span<const Rule> all() noexcept;

/// What trying it shows; that something went wrong is part of it.
[[nodiscard]] std::string observe(const Rule& rule, const World& world);

/// Whether that is what the rule says, of today's or of older kernels.
[[nodiscard]] bool allows(const Rule& rule, std::string_view seen) noexcept;

// The tables behind all(), one a part.
[[nodiscard]] std::span<const Rule> eventfd_rules() noexcept;
[[nodiscard]] std::span<const Rule> ioeventfd_rules() noexcept;
[[nodiscard]] std::span<const Rule> irqfd_rules() noexcept;
[[nodiscard]] std::span<const Rule> msix_rules() noexcept;

}  // namespace bellwire::rules
