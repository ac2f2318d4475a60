// SPDX-License-Identifier: BSD-3-Clause
#include "host/device/polling.hpp"

#include <charconv>

namespace bellwire::host {
namespace {

constexpr struct {
  std::string_view name;
  Polling polling;
} ways[] = {{"off", Polling::off}, {"adaptive", Polling::adaptive}, {"always", Polling::always}};

constexpr std::string_view on_cpu = "always=";

}  // namespace

Result<PollOptions> parse_polling(const std::string& how) {
  for (const auto& way : ways)
    if (how == way.name) return PollOptions{.polling = way.polling, .cpu = {}};
  if (how.starts_with(on_cpu)) {
    unsigned cpu = 0;
    const auto* const end = how.data() + how.size();
    const auto [parsed, error] = std::from_chars(how.data() + on_cpu.size(), end, cpu);
    if (error == std::errc() && parsed == end)
      return PollOptions{.polling = Polling::always, .cpu = cpu};
  }
  return fault(std::errc::invalid_argument,
               "'{}': choose off, adaptive, always, or always=N to stay on CPU N", how);
}

}  // namespace bellwire::host
