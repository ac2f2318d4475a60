// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/pci/config_space.hpp"

#include <algorithm>

namespace bellwire::pci {

void ConfigSpace::read(std::size_t offset, std::span<std::byte> into) const noexcept {
  std::ranges::copy(std::span(bytes_).subspan(offset, into.size()), into.begin());
}

void ConfigSpace::write(std::size_t offset, std::span<const std::byte> from) noexcept {
  for (std::size_t index = 0; index < from.size(); ++index) {
    const auto mask = writable_[offset + index];
    auto& byte = bytes_[offset + index];
    byte = (byte & ~mask) | (from[index] & mask);
  }
}

// Each capability tells where the next one is; the builder made the list, so it ends.
std::size_t ConfigSpace::find(CapabilityId id) const noexcept {
  std::size_t at = load(header::capabilities);
  while (at != 0 && load<std::uint8_t>(at) != static_cast<std::uint8_t>(id))
    at = load<std::uint8_t>(at + 1);
  return at;
}

}  // namespace bellwire::pci
