// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/replay/virtio_journal.hpp"

#include <algorithm>

namespace bellwire::replay {

void VirtioJournal::features(std::uint64_t accepted) noexcept {
  writer_.add(EntryKind::features, 0, 0, {bytes_of(accepted)});
}

void VirtioJournal::config_read(std::size_t offset, std::span<const std::byte> bytes) noexcept {
  writer_.add(EntryKind::config_read, 0, static_cast<std::uint32_t>(offset), {bytes});
}

void VirtioJournal::config_written(std::size_t offset, std::span<const std::byte> bytes,
                                   bool taken) noexcept {
  const ConfigWriteBody body{.taken = taken ? 1U : 0U};
  writer_.add(EntryKind::config_write, 0, static_cast<std::uint32_t>(offset),
              {bytes_of(body), bytes});
}

void VirtioJournal::queue_started(unsigned queue, std::uint16_t size) noexcept {
  writer_.add(EntryKind::queue_started, queue, size, {});
}

void VirtioJournal::queue_stopped(unsigned queue) noexcept {
  writer_.add(EntryKind::queue_stopped, queue, 0, {});
}

void VirtioJournal::queue_enabled(unsigned queue, bool enabled) noexcept {
  writer_.add(EntryKind::enabled, queue, enabled ? 1 : 0, {});
}

void VirtioJournal::paused(bool paused) noexcept {
  writer_.add(EntryKind::paused, 0, paused ? 1 : 0, {});
}

void VirtioJournal::reset() noexcept {
  writer_.add(EntryKind::reset, 0, 0, {});
}

void VirtioJournal::taken(unsigned queue, std::uint32_t number,
                          const virtio::Chain& chain) noexcept {
  const ChainBody body{.readable = chain.readable_size, .writable = chain.writable_size};
  writer_.add(EntryKind::chain, queue, number, bytes_of(body), chain.readable, chain.readable_size);
}

void VirtioJournal::returned(unsigned queue, std::uint32_t number, const virtio::Chain& chain,
                             std::uint32_t written) noexcept {
  const ReturnedBody body{.written = std::min<std::uint64_t>(written, chain.writable_size)};
  writer_.add(EntryKind::returned, queue, number, bytes_of(body), chain.writable, body.written);
}

void VirtioJournal::raised(unsigned queue) noexcept {
  writer_.add(EntryKind::interrupt, queue, 0, {});
}

}  // namespace bellwire::replay
