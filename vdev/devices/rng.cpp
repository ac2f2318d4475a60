// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/devices/rng.hpp"

#include <sys/random.h>

#include <algorithm>

namespace bellwire {
namespace {

// For one request: a device may fill less than it is given (section 5.4.6.2), and must not keep its
// loop busy for long. The kernel gives at least 256 bytes without interruption.
constexpr std::size_t most_bytes = 4096;

}  // namespace

virtio::Traits Rng::traits() const noexcept {
  return {.kind = "rng", .id = VIRTIO_ID_RNG, .queues = 1};
}

void Rng::handle(virtio::Request request) noexcept {
  std::size_t written = 0;
  for (const auto buffer : request.writable()) {
    const auto size = std::min(buffer.size(), most_bytes - written);
    const auto got = ::getrandom(buffer.data(), size, GRND_NONBLOCK);
    written += got > 0 ? static_cast<std::size_t>(got) : 0;
    if (got != static_cast<ssize_t>(buffer.size())) break;  // a gap would not be random
  }
  std::move(request).complete(static_cast<std::uint32_t>(written));
}

}  // namespace bellwire
