// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/machine/rules/sight.hpp"

#include <cstring>

#include "vdev/os/text.hpp"

namespace bellwire::rules {

std::string error_name(int error) {
  if (error == 0) return "ok";
  const char* name = ::strerrorname_np(error);
  return name != nullptr ? name : bellwire::text("error {}", error);
}

Sight& Sight::note(std::string_view what, std::string_view answer) {
  text_ += bellwire::text("{}{}: {}", text_.empty() ? "" : ", ", what, answer);
  return *this;
}

Sight& Sight::error(std::string_view what, int error) {
  return note(what, error_name(error));
}

Sight& Sight::number(std::string_view what, std::uint64_t value) {
  return note(what, bellwire::text("{}", value));
}

Sight& Sight::vectors(std::string_view what, const std::vector<std::uint8_t>& vectors) {
  std::string list;
  for (const auto vector : vectors)
    list += bellwire::text("{}{:#x}", list.empty() ? "" : " ", vector);
  return note(what, list.empty() ? "none" : list);
}

}  // namespace bellwire::rules
