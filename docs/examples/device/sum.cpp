// SPDX-License-Identifier: BSD-3-Clause
#include "sum.hpp"

#include <cstring>

bellwire::DeviceTraits Sum::traits() const noexcept {
  return {.kind = "sum", .doorbells = BELLWIRE_MAX_QUEUES, .interrupts = BELLWIRE_MAX_QUEUES};
}

// The input may change while it is read, if the driver is hostile: so each number is read once,
// and whatever it is, it is only added.
bellwire::ring::Reply sum(const bellwire::ring::Request& request) noexcept {
  std::uint32_t number = 0;
  if (request.input.size() % sizeof number != 0) return {.status = BELLWIRE_BAD_LENGTH};
  std::uint64_t all = 0;
  for (std::size_t at = 0; at < request.input.size(); at += sizeof number) {
    std::memcpy(&number, &request.input[at], sizeof number);
    all += number;
  }
  return {.result = all};
}

bellwire::ring::Reply Sum::serve(const bellwire::ring::Request& request) noexcept {
  return sum(request);
}
