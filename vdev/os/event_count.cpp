// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/event_count.hpp"

#include <fstream>

#include "vdev/os/text.hpp"

namespace bellwire::os {

std::optional<std::uint64_t> event_count(int fd) {
  return event_count(text("/proc/self/fdinfo/{}", fd));
}

// "eventfd-count:                2", in hexadecimal.
std::optional<std::uint64_t> event_count(const std::string& fdinfo) {
  std::ifstream file(fdinfo);
  for (std::string key; file >> key;)
    if (std::uint64_t count = 0; key == "eventfd-count:" && file >> std::hex >> count) return count;
  return std::nullopt;
}

}  // namespace bellwire::os
