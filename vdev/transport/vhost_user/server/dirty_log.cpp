// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vhost_user/server/dirty_log.hpp"

#include <atomic>

#include "vdev/core/address_range.hpp"
#include "vdev/transport/vhost_user/server/memory_slots.hpp"

namespace bellwire::vhost_user {

Result<DirtyLog> DirtyLog::create(int fd, const Log& where, std::shared_ptr<os::MemoryLoss> loss) {
  auto bits = map_part(fd, where.offset, where.size, std::move(loss));
  if (!bits) return Error{bits.error().code, text("the dirty log: {}", bits.error().message)};
  return DirtyLog(std::move(*bits));
}

void DirtyLog::mark(std::uint64_t address, std::uint64_t size) noexcept {
  const auto range = AddressRange::create(address, size);
  if (!range) return;
  const auto bytes = bits_.bytes();
  for (auto page = range->first() / log_page; page <= range->last() / log_page; ++page) {
    if (page / 8 >= bytes.size()) return;
    auto& byte = reinterpret_cast<std::uint8_t&>(bytes[page / 8]);
    std::atomic_ref(byte).fetch_or(static_cast<std::uint8_t>(1U << (page % 8)));
  }
}

}  // namespace bellwire::vhost_user
