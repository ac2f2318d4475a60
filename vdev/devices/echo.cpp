// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/devices/echo.hpp"

#include <algorithm>
#include <cstring>

#include "vdev/core/crc32c.hpp"

namespace bellwire {

bool echoed(const Exchange& exchange) {
  return exchange.status == BELLWIRE_DONE && exchange.length == exchange.input.size() &&
         exchange.output == exchange.input;
}

bool digested(const Exchange& exchange) {
  return exchange.status == BELLWIRE_DONE && exchange.result == crc32c(exchange.input);
}

DeviceTraits Echo::traits() const noexcept {
  return {.kind = "echo", .doorbells = BELLWIRE_MAX_QUEUES, .interrupts = BELLWIRE_MAX_QUEUES};
}

ring::Reply echo(const ring::Request& request) noexcept {
  const auto length = std::min(request.input.size(), request.output.size());
  if (length > 0) std::memcpy(request.output.data(), request.input.data(), length);
  return {.length = static_cast<std::uint32_t>(length)};
}

ring::Reply Echo::serve(const ring::Request& request) noexcept {
  return echo(request);
}

DeviceTraits Digest::traits() const noexcept {
  return {.kind = "digest", .doorbells = BELLWIRE_MAX_QUEUES, .interrupts = BELLWIRE_MAX_QUEUES};
}

ring::Reply Digest::serve(const ring::Request& request) noexcept {
  return {.result = crc32c(request.input)};
}

}  // namespace bellwire
