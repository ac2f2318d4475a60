// SPDX-License-Identifier: BSD-3-Clause
//
// The choices that a run makes, each with the names that the command line, the tables and the
// results use for it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "guest-kmod/uapi/bellwire.h"
#include "vdev/core/poll_time.hpp"

namespace bell {

enum class Wait { read, poll, epoll };       // how the process waits for its call eventfd
enum class Kick { ioctl, eventfd, direct };  // how it tells the module to ring
enum class Load { echo, digest };            // what it asks of the device
enum class Hop { kick, call, wake };         // what it can lose on purpose

template <class Value>
struct Choice {
  std::string_view name;
  Value value;
};

std::span<const Choice<Wait>> choices(Wait) noexcept;
std::span<const Choice<Kick>> choices(Kick) noexcept;
std::span<const Choice<Load>> choices(Load) noexcept;
std::span<const Choice<Hop>> choices(Hop) noexcept;
std::span<const Choice<bellwire_worker>> choices(bellwire_worker) noexcept;
std::span<const Choice<bellwire::Polling>> choices(bellwire::Polling) noexcept;

template <class Value>
std::string_view name_of(Value value) noexcept {
  for (const auto& choice : choices(value))
    if (choice.value == value) return choice.name;
  return "?";
}

/// The names of all choices of a kind.
template <class Value>
std::vector<std::string> names() {
  std::vector<std::string> list;
  for (const auto& choice : choices(Value{})) list.emplace_back(choice.name);
  return list;
}

/// What the chosen names stand for, in the order of the table; "all": all of them.
template <class Value>
std::vector<Value> chosen(const std::vector<std::string>& wanted) {
  std::vector<Value> values;
  for (const auto& choice : choices(Value{}))
    for (const auto& name : wanted)
      if (name == choice.name || name == "all") {
        values.push_back(choice.value);
        break;
      }
  return values;
}

}  // namespace bell
