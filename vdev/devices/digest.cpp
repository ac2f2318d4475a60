// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/devices/digest.hpp"

#include "vdev/core/crc32c.hpp"

namespace bellwire {

DeviceTraits Digest::traits() const noexcept {
  return {.kind = "digest", .doorbells = BELLWIRE_MAX_QUEUES, .interrupts = BELLWIRE_MAX_QUEUES};
}

ring::Reply Digest::serve(const ring::Request& request) noexcept {
  return {.result = crc32c(request.input)};
}

}  // namespace bellwire
