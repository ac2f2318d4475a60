// SPDX-License-Identifier: BSD-3-Clause
//
// Explanations of the rules, for people who learn. Constant tables, for any thread.
#pragma once

#include <span>
#include <string_view>

#include "vdev/machine/rules/rule.hpp"

namespace bellwire::rules {

struct Explanation {
  unsigned rule;
  std::string_view tried;   ///< what Rule::observe() does
  std::string_view why;     ///< the reason, and what follows for a driver, a device or a VMM
  std::string_view source;  ///< where a specification or the kernel says so
};

/// One for each of all(), by number.
[[nodiscard]] std::span<const Explanation> explanations() noexcept;

[[nodiscard]] const Explanation& explanation_of(const Rule& rule);

}  // namespace bellwire::rules
