// SPDX-License-Identifier: BSD-3-Clause
//
// VirtioJournal: writes what crosses between a virtio device and its driver into a journal, as the
// backend's tap shows it. On the loop's thread.
//
// What the device may read of a chain is copied before it has the chain, what it wrote when the
// chain is returned. So a driver that changes either meanwhile, as none may, is not recorded as it
// was.
#pragma once

#include "vdev/replay/journal_writer.hpp"
#include "vdev/virtio/tap.hpp"

namespace bellwire::replay {

class VirtioJournal final : public virtio::BackendTap {
 public:
  /// The writer must outlive it.
  explicit VirtioJournal(JournalWriter& writer) noexcept : writer_(writer) {}

  void features(std::uint64_t accepted) noexcept override;
  void config_read(std::size_t offset, std::span<const std::byte> bytes) noexcept override;
  void config_written(std::size_t offset, std::span<const std::byte> bytes,
                      bool taken) noexcept override;
  void queue_started(unsigned queue, std::uint16_t size) noexcept override;
  void queue_stopped(unsigned queue) noexcept override;
  void queue_enabled(unsigned queue, bool enabled) noexcept override;
  void paused(bool paused) noexcept override;
  void reset() noexcept override;
  void taken(unsigned queue, std::uint32_t number, const virtio::Chain& chain) noexcept override;
  void returned(unsigned queue, std::uint32_t number, const virtio::Chain& chain,
                std::uint32_t written) noexcept override;
  void raised(unsigned queue) noexcept override;

 private:
  JournalWriter& writer_;
};

}  // namespace bellwire::replay
