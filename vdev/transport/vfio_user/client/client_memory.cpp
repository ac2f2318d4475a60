// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/client/client_memory.hpp"

#include <algorithm>

#include "vdev/core/address_range.hpp"

namespace bellwire::vfio_user {

std::span<std::byte> ClientMemory::find(const DmaAccess& access) const noexcept {
  const auto next = pieces_.upper_bound(access.address);
  if (next == pieces_.begin()) return {};
  const auto& [address, bytes] = *std::prev(next);
  const auto offset = access.address - address;
  if (!fits(offset, access.count, bytes.size())) return {};
  return bytes.subspan(offset, access.count);
}

Result<Bytes> ClientMemory::answer(const Message& request) {
  const auto access = head<DmaAccess>(request.payload);
  const auto command = static_cast<Command>(request.header.command);
  const bool reads = command == Command::dma_read;
  const auto data = request.payload.size() - sizeof(DmaAccess);
  if (!access || (!reads && command != Command::dma_write) || access->count > most_transfer ||
      data != (reads ? 0 : access->count))
    return fault(std::errc::invalid_argument, "command {} of {} bytes from a device",
                 request.header.command, request.payload.size());
  const auto memory = find(*access);
  if (memory.size() != access->count)
    return fault(std::errc::bad_address, "{} bytes at {:#x} are not the device's to use",
                 access->count, access->address);
  Bytes reply;
  append(reply, *access);
  if (reads)
    append(reply, memory);
  else
    std::ranges::copy(std::span(request.payload).subspan(sizeof(DmaAccess)), memory.begin());
  served_ += memory.size();
  return reply;
}

}  // namespace bellwire::vfio_user
