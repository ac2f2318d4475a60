// SPDX-License-Identifier: BSD-3-Clause
//
// The parameters of a run, each with the names of its values, which the command line, the tables
// and the results share. Constant tables, for any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "guest-kmod/uapi/bellwire.h"
#include "vdev/core/poll_time.hpp"

namespace bell {

enum class Wait { read, poll, epoll };       // how the process waits for the call eventfd
enum class Kick { ioctl, eventfd, direct };  // how the process has the module ring
enum class LostHop { kick, call, wake };     // what it can lose on purpose: --drop

template <class Value>
struct Named {
  std::string_view name;
  Value value;
};

std::span<const Named<Wait>> named_values(Wait) noexcept;
std::span<const Named<Kick>> named_values(Kick) noexcept;
std::span<const Named<LostHop>> named_values(LostHop) noexcept;
std::span<const Named<bellwire_worker>> named_values(bellwire_worker) noexcept;
std::span<const Named<bellwire::Polling>> named_values(bellwire::Polling) noexcept;

template <class Value>
std::string_view name_of(Value value) noexcept {
  for (const auto& named : named_values(value))
    if (named.value == value) return named.name;
  return "?";
}

/// The names of all values of a parameter.
template <class Value>
std::vector<std::string> names() {
  std::vector<std::string> list;
  for (const auto& named : named_values(Value{})) list.emplace_back(named.name);
  return list;
}

/// The values with the wanted names, in the order of the table; "all" stands for all of them.
template <class Value>
std::vector<Value> chosen(const std::vector<std::string>& wanted) {
  std::vector<Value> values;
  for (const auto& named : named_values(Value{}))
    for (const auto& name : wanted)
      if (name == named.name || name == "all") {
        values.push_back(named.value);
        break;
      }
  return values;
}

/// How a device that bell knows answers a request.
enum class Answer { unknown, input, digest };  // anything; the input; its CRC-32C

/// By the name that the device gave itself.
[[nodiscard]] Answer answer_of(std::string_view device) noexcept;

/// The devices with the wanted names, each once; "all" stands for all that bell knows.
[[nodiscard]] std::vector<std::string> chosen_devices(const std::vector<std::string>& wanted);

/// Why no device can have that name; empty: one can.
[[nodiscard]] std::string refuse_device_name(const std::string& name);

}  // namespace bell
