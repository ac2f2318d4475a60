// SPDX-License-Identifier: BSD-3-Clause
//
// Schedule: in which order the actors of a scene ran, as far as it differs from the usual one, in
// which an actor runs until it waits, and a store is seen at once. As text, "12:device 40:late":
// before step 12 the device went on in place of the actor that ran, and the store of step 40 was
// seen late. An empty one is "-". Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vdev/os/result.hpp"

namespace bellwire::explore {

using Option = std::uint8_t;      // an actor's number, or
constexpr Option is_late = 0xff;  // a store that is seen late

struct Choice {
  std::uint32_t step;
  Option option;
  friend bool operator==(const Choice&, const Choice&) = default;
};

using Schedule = std::vector<Choice>;

[[nodiscard]] std::string text(const Schedule& schedule, const std::vector<std::string>& actors);

/// EINVAL: a word is not of that form, there is no such actor, or the steps don't grow.
[[nodiscard]] Result<Schedule> parse(std::string_view text, const std::vector<std::string>& actors);

}  // namespace bellwire::explore
